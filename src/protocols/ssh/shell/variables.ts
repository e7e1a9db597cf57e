/**
 * Variables that change what programs run or do. Whatever sets one (an assignment, a loop, `read`, `env`) makes a command unknown. A list like this
 * has no end, so a variable that is not in it is no promise; what a program does with its environment is the program's.
 */

export const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Which programs are meant, and what shells and the loader put before them. */
const SHELL =
  'PATH|IFS|ENV|BASH.*|SHELLOPTS|PS4|PROMPT_COMMAND|CDPATH|FPATH|ZDOTDIR|GLOBIGNORE|EXECIGNORE|POSIXLY_CORRECT|HOME|SHELL|LD_.*|DYLD_.*|GCONV_PATH|LOCPATH|NLSPATH';
/** bash evaluates what is assigned to them as an expression, in which `a[$(rm x)]` runs rm; or reads commands out of them. */
const EVALUATED = 'RANDOM|SRANDOM|SECONDS|LINENO|HISTCMD|OPTIND|EPOCH.*|DIRSTACK|GROUPS|FUNCNAME|FUNCNEST|PIPESTATUS';
/** Where programs get code, options or other programs from. */
const PROGRAMS =
  'PYTHON.*|PERL.*|RUBY.*|NODE_.*|GIT_.*|LUA_.*|PHP.*|JAVA_.*|_JAVA_.*|JDK_.*|CLASSPATH|EDITOR|VISUAL|PAGER|.*_PAGER|.*_EDITOR|.*_ASKPASS|.*_RSH|LESS.*|MORE|MANPAGER|MANOPT|BROWSER|' +
  'TERMINFO.*|TAR_OPTIONS|GREP_OPTIONS|RSYNC_.*|MAKEFLAGS|GNUMAKEFLAGS|OPENSSL_.*|CURL_HOME|WGETRC|XDG_.*|VIMINIT|EXINIT|PSQLRC|SYSTEMD_.*';
const LOADERS = new RegExp(`^(?:${SHELL}|${EVALUATED}|${PROGRAMS})$`);

export const loadsCode = (variable: string): boolean => LOADERS.test(variable);
