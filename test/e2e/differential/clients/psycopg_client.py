"""Runs one script with psycopg 3 and prints every result; the same output is expected on every road."""
import os
import sys

import psycopg

conn = psycopg.connect(autocommit=False)


def show(*things):
    print(*(repr(thing) for thing in things))


with conn.cursor() as cur:
    cur.execute("CREATE TEMP TABLE p (i int8, n numeric, t text, b bytea, ts timestamptz, a int[], j jsonb)")
    cur.executemany(
        "INSERT INTO p VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [(i, f"{i}.5", f"row {i} é", bytes([0, i]), "2026-01-02 03:04:05+00", [i, None], '{"k": %d}' % i) for i in range(50)],
    )
    cur.execute("SELECT * FROM p WHERE i = %s", (7,))
    show([column.name for column in cur.description], cur.fetchall())
conn.commit()
for binary in (False, True):
    with conn.cursor(binary=binary) as cur:
        cur.execute("SELECT i, n, t, b, a FROM p WHERE i < %s ORDER BY i", (5,))
        show(cur.fetchall())
for _ in range(8):  # beyond the threshold: prepared on the server
    show(conn.execute("SELECT count(*) FROM p WHERE i >= %s", (10,)).fetchone())
with conn.pipeline() as pipe:
    first = conn.execute("SELECT 1 + %s", (1,))
    second = conn.execute("SELECT generate_series(1, 3)")
    pipe.sync()
    third = conn.execute("SELECT %s::text", ("x",))
show(first.fetchall(), second.fetchall(), third.fetchall())
try:
    conn.execute("SELECT 1/%s", (0,))
except psycopg.Error as error:
    show(type(error).__name__, error.sqlstate, str(error))
conn.rollback()
with conn.cursor() as cur:
    with cur.copy("COPY p (i, t) FROM STDIN") as copy:
        for i in range(100, 200):
            copy.write_row((i, f"copied\t{i}"))
    with cur.copy("COPY p (i, t) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int8", "text"])
        copy.write_row((500, "binary"))
    with cur.copy("COPY (SELECT i, t FROM p WHERE i >= %s ORDER BY i) TO STDOUT", (197,)) as copy:
        show([row for row in copy.rows()])
    try:
        with cur.copy("COPY p (i) FROM STDIN") as copy:
            copy.write("not a number\n")
    except psycopg.Error as error:
        show(error.sqlstate)
conn.rollback()
with conn.cursor(name="server_side") as cur:
    cur.itersize = 7
    cur.execute("SELECT generate_series(1, 30)")
    show([row[0] for row in cur])
conn.rollback()
conn.autocommit = True
notices = []
conn.add_notice_handler(lambda notice: notices.append(notice.message_primary))
conn.execute("DROP TABLE IF EXISTS nowhere")
received = []
conn.add_notify_handler(lambda notify: received.append((notify.channel, notify.payload)))
conn.execute("LISTEN channel")
conn.execute("NOTIFY channel, 'payload'")
conn.execute("SELECT 1")
show(received)
show(notices, conn.info.parameter_status("server_version"), conn.info.transaction_status.name)
conn.close()
