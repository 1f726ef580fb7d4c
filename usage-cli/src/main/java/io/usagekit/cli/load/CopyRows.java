package io.usagekit.cli.load;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.HexFormat;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/** Rows on their way into a table by COPY, in its text format. Not thread-safe. */
public final class CopyRows {

    private static final HexFormat HEX = HexFormat.of();

    private final Connection connection;
    private final String sql;
    private final ByteArrayOutputStream rows = new ByteArrayOutputStream();
    private boolean inRow;

    /**
     * Nothing is sent before {@link #flush()}.
     *
     * @param table as SQL names it
     * @param columns likewise, in the order in which each row gives them
     */
    public CopyRows(Connection connection, String table, String columns) {
        this.connection = connection;
        this.sql = "copy " + table + " (" + columns + ") from stdin";
    }

    public CopyRows text(String value) {
        return text(value.getBytes(StandardCharsets.UTF_8));
    }

    /** Text in UTF-8. */
    public CopyRows text(byte[] utf8) {
        separate();
        int from = 0;
        for (int i = 0; i < utf8.length; i++) {
            byte special = utf8[i];
            if (special == '\\' || special == '\t' || special == '\n' || special == '\r') {
                rows.write(utf8, from, i - from);
                rows.write('\\');
                rows.write(special == '\t' ? 't' : special == '\n' ? 'n' : special == '\r' ? 'r' : '\\');
                from = i + 1;
            }
        }
        rows.write(utf8, from, utf8.length - from);
        return this;
    }

    CopyRows bytes(byte[] value) {
        separate();
        rows.writeBytes(("\\\\x" + HEX.formatHex(value)).getBytes(StandardCharsets.ISO_8859_1));
        return this;
    }

    CopyRows instant(Instant value) {
        return text(value.toString());
    }

    /** Null. */
    public CopyRows nothing() {
        separate();
        rows.write('\\');
        rows.write('N');
        return this;
    }

    public void endRow() {
        rows.write('\n');
        inRow = false;
    }

    /** How many octets wait to be sent. */
    int size() {
        return rows.size();
    }

    /** Sends what waits, in the connection's transaction. */
    public void flush() throws SQLException {
        if (rows.size() == 0) {
            return;
        }
        byte[] content = rows.toByteArray();
        rows.reset();
        CopyIn copy = connection.unwrap(PGConnection.class).getCopyAPI().copyIn(sql);
        try {
            copy.writeToCopy(content, 0, content.length);
            copy.endCopy();
        } finally {
            if (copy.isActive()) {
                copy.cancelCopy();
            }
        }
    }

    private void separate() {
        if (inRow) {
            rows.write('\t');
        }
        inRow = true;
    }
}
