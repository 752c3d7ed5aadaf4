"""PyMySQL through both planes; prints ok, or fails with a traceback. Arguments: mysql port, admin port."""
import datetime
import decimal
import sys

import pymysql

mysql_port, admin_port = int(sys.argv[1]), int(sys.argv[2])


def data_plane():
    connection = pymysql.connect(
        host="127.0.0.1", port=mysql_port, user="app", password="app", database="shop", charset="utf8mb4"
    )
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT id, name, photo FROM customers ORDER BY id") == 3
        assert cursor.fetchall() == ((1, "Ann O'Hara", None), (2, "Łukasz", b"\x00\xff\x0a'"), (3, "", b""))
        cursor.execute("SELECT %s, %s, %s", ("a'b\\", decimal.Decimal("1.50"), datetime.date(2026, 11, 23)))
        assert cursor.fetchone() == ("a'b\\", decimal.Decimal("1.50"), "2026-11-23")

        # autocommit is off by default in PyMySQL: every statement is part of a transaction.
        cursor.execute("UPDATE orders SET total = 0 WHERE id = 1")
        connection.rollback()
        cursor.execute("SELECT total FROM orders WHERE id = 1")
        assert cursor.fetchone() == (decimal.Decimal("0.14"),)
        connection.commit()

        try:
            cursor.execute("SELECT * FROM missing")
            raise AssertionError("no error for a missing table")
        except pymysql.err.ProgrammingError as error:
            assert error.args == (1146, "Table 'shop.missing' doesn't exist"), error.args
    connection.select_db("test")
    connection.ping(reconnect=False)
    with connection.cursor(pymysql.cursors.SSDictCursor) as cursor:
        cursor.execute("SELECT DATABASE() AS db, seq FROM seq_1_to_5000")
        rows = list(cursor)
        assert len(rows) == 5000 and rows[-1] == {"db": "test", "seq": 5000}
    connection.close()


def admin_plane():
    connection = pymysql.connect(host="127.0.0.1", port=admin_port, user="admin", password="admin", autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT username, default_hostgroup FROM mysql_users")
        assert cursor.fetchall() == (("app", "0"),)
        assert cursor.execute("UPDATE mysql_users SET comment = %s", ("seen by python",)) == 1
        cursor.execute("LOAD MYSQL USERS TO RUNTIME")
        cursor.execute("SELECT DISTINCT comment FROM runtime_mysql_users")
        assert cursor.fetchall() == (("seen by python",),)
    connection.close()


data_plane()
admin_plane()
print("ok")
