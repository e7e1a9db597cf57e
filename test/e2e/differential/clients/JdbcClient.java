import java.io.StringReader;
import java.io.StringWriter;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

/** Runs one script with pgjdbc and prints every result; the same output is expected on every road. */
public class JdbcClient {
  static void print(ResultSet rows) throws SQLException {
    int columns = rows.getMetaData().getColumnCount();
    while (rows.next()) {
      StringBuilder line = new StringBuilder();
      for (int i = 1; i <= columns; i++) line.append(rows.getMetaData().getColumnName(i)).append('=').append(rows.getObject(i) instanceof byte[] ? HexFormat.of().formatHex(rows.getBytes(i)) : rows.getString(i)).append(' ');
      System.out.println(line);
    }
  }

  public static void main(String[] args) throws Exception {
    for (String mode : new String[] {"simple", "extended", "extendedForPrepared"}) {
      for (String threshold : new String[] {"1", "-1"}) {
        Properties options = new Properties();
        options.setProperty("user", System.getenv("PGUSER"));
        options.setProperty("password", System.getenv("PGPASSWORD"));
        options.setProperty("sslmode", System.getenv("PGSSLMODE"));
        options.setProperty("sslrootcert", System.getenv("PGSSLROOTCERT"));
        options.setProperty("preferQueryMode", mode);
        options.setProperty("prepareThreshold", threshold); // -1: binary transfer at once
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        try (Connection connection = DriverManager.getConnection(url, options)) {
          System.out.println("== " + mode + " " + threshold);
          try (Statement statement = connection.createStatement()) {
            statement.execute("CREATE TEMP TABLE j (i int, n numeric, t text, d date, b bytea)");
            print(statement.executeQuery("SELECT 1 AS a; "));
            boolean more = statement.execute("SELECT 1 AS one; SELECT 2 AS two");
            while (more) {
              print(statement.getResultSet());
              more = statement.getMoreResults();
            }
          }
          try (PreparedStatement insert = connection.prepareStatement("INSERT INTO j VALUES (?, ?, ?, ?, ?::text::bytea)")) {
            for (int i = 0; i < 300; i++) {
              insert.setInt(1, i);
              insert.setBigDecimal(2, new java.math.BigDecimal("1234.5600"));
              insert.setString(3, i % 7 == 0 ? null : "it's \\ row " + i);
              insert.setDate(4, java.sql.Date.valueOf("2026-02-03"));
              insert.setString(5, String.format("\\x00%02x", i % 256));
              insert.addBatch();
            }
            System.out.println(Arrays.stream(insert.executeBatch()).distinct().count());
          }
          connection.setAutoCommit(false);
          try (PreparedStatement select = connection.prepareStatement("SELECT * FROM j WHERE i >= ? AND i <> -? ORDER BY i")) {
            for (int round = 0; round < 7; round++) {
              select.setInt(1, 295);
              select.setInt(2, -1);
              print(select.executeQuery());
            }
            select.setFetchSize(50); // portals with a row limit
            select.setInt(1, 0);
            int count = 0;
            try (ResultSet rows = select.executeQuery()) {
              while (rows.next()) count++;
            }
            System.out.println(count);
          }
          Savepoint savepoint = connection.setSavepoint("s1");
          try (Statement statement = connection.createStatement()) {
            statement.executeQuery("SELECT 1/0");
          } catch (SQLException error) {
            System.out.println(error.getSQLState() + " " + error.getMessage());
          }
          connection.rollback(savepoint);
          connection.commit();
          CopyManager copy = connection.unwrap(PGConnection.class).getCopyAPI();
          System.out.println(copy.copyIn("COPY j (i, t) FROM STDIN", new StringReader("1000\tcopied\n1001\t\\N\n")));
          StringWriter out = new StringWriter();
          copy.copyOut("COPY (SELECT i, t FROM j WHERE i >= 999 ORDER BY i) TO STDOUT (FORMAT csv)", out);
          System.out.println(out);
          try (Statement statement = connection.createStatement()) {
            Thread canceller = new Thread(() -> {
              try {
                Thread.sleep(300);
                statement.cancel();
              } catch (Exception error) {
                throw new RuntimeException(error);
              }
            });
            canceller.start();
            statement.execute("SELECT pg_sleep(60)");
          } catch (SQLException error) {
            System.out.println(error.getSQLState());
          }
          connection.rollback();
          try (ResultSet rows = connection.getMetaData().getColumns(null, "pg_catalog", "pg_class", "rel%")) {
            int columns = 0;
            while (rows.next()) columns++;
            System.out.println(columns);
          }
        }
      }
    }
  }
}
