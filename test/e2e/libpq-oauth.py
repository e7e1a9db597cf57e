"""One session of the libpq of PostgreSQL 18 with a bearer token: argv = library, connection string, token. Prints the row, or the error."""
import ctypes
import sys

lib = ctypes.CDLL(sys.argv[1])


class BearerRequest(ctypes.Structure):
    _fields_ = [
        ("openid_configuration", ctypes.c_char_p),
        ("scope", ctypes.c_char_p),
        ("async_", ctypes.c_void_p),
        ("cleanup", ctypes.c_void_p),
        ("token", ctypes.c_char_p),
        ("user", ctypes.c_void_p),
    ]


PQAUTHDATA_OAUTH_BEARER_TOKEN = 1
token = sys.argv[3].encode()


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(BearerRequest))
def give_token(kind, _connection, request):
    if kind != PQAUTHDATA_OAUTH_BEARER_TOKEN:
        return 0
    asked = request.contents
    print("asked", (asked.openid_configuration or b"").decode(), (asked.scope or b"").decode())
    asked.token = token
    return 1


lib.PQsetAuthDataHook(give_token)
for name, result in [("PQconnectdb", ctypes.c_void_p), ("PQexec", ctypes.c_void_p), ("PQgetvalue", ctypes.c_char_p), ("PQerrorMessage", ctypes.c_char_p)]:
    getattr(lib, name).restype = result
connection = ctypes.c_void_p(lib.PQconnectdb(sys.argv[2].encode()))
if lib.PQstatus(connection) != 0:
    print(lib.PQerrorMessage(connection).decode(), file=sys.stderr)
    sys.exit(2)
answer = ctypes.c_void_p(lib.PQexec(connection, b"SELECT 'hello from ' || current_database()"))
print("row", lib.PQgetvalue(answer, 0, 0).decode())
lib.PQfinish(connection)
