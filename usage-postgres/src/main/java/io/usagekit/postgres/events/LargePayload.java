package io.usagekit.postgres.events;

import io.usagekit.events.Event;
import io.usagekit.postgres.internal.SqlCall;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.io.StringReader;
import java.sql.Connection;
import java.sql.SQLException;

/** The payload of an event, read part by part in the snapshot of a connection. */
record LargePayload(LedgerSql sql, Connection connection, Event event) {

    /** Characters, or octets, of a part. PostgreSQL reads a compressed value, and a text in UTF-8, from its start for each part. */
    private static final int PART_LENGTH = 2 << 20;

    /** Returns the text. */
    Reader raw() {
        return new Reader() {
            private Reader part = new StringReader("");
            private int parts;

            @Override
            public int read(char[] into, int offset, int length) throws IOException {
                int read = part.read(into, offset, length);
                if (read >= 0 || length == 0) {
                    return read;
                }
                String next = part(LedgerStatement.READ_RAW, parts++, row -> row.text("part"));
                part = new StringReader(next);
                return next.isEmpty() ? -1 : part.read(into, offset, length);
            }

            @Override
            public void close() {}
        };
    }

    /** Returns the bytes. */
    InputStream data() {
        return new InputStream() {
            private InputStream part = InputStream.nullInputStream();
            private int parts;

            @Override
            public int read() throws IOException {
                byte[] octet = new byte[1];
                return read(octet, 0, 1) < 0 ? -1 : octet[0] & 0xff;
            }

            @Override
            public int read(byte[] into, int offset, int length) throws IOException {
                int read = part.read(into, offset, length);
                if (read >= 0 || length == 0) {
                    return read;
                }
                part = new ByteArrayInputStream(part(LedgerStatement.READ_DATA, parts++, row -> row.bytes("part")));
                return part.read(into, offset, length);
            }
        };
    }

    private <T> T part(LedgerStatement statement, int number, SqlCall.Reader<T> reader) throws IOException {
        try {
            return sql.call(connection, statement)
                    .text("project_id", event.projectId())
                    .text("id", event.id())
                    .instant("created_at", event.createdAt())
                    .number("start", 1 + (long) number * PART_LENGTH)
                    .number("length", PART_LENGTH)
                    .one(reader);
        } catch (SQLException e) {
            throw new IOException(e.getMessage(), e);
        }
    }
}
