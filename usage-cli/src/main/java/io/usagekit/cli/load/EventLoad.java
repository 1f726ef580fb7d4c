package io.usagekit.cli.load;

import io.usagekit.cli.support.Progress;
import io.usagekit.cli.support.Tables;
import io.usagekit.cli.support.Terminal;
import io.usagekit.cli.support.UsageTables;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/** Loads lines into a project, in the transaction of its connection. Not thread-safe. */
public final class EventLoad {

    /** What to do with a line that isn't an event. */
    public enum BadLines {
        REFUSE,
        SKIP
    }

    /** What has been loaded. */
    public record Outcome(long events, long deliveries, long octets, long skipped) {}

    private final Connection connection;
    private final Tables tables;
    private final BadLines badLines;
    private final PrintWriter err;
    private long skipped;

    public EventLoad(Connection connection, Tables tables, BadLines badLines, PrintWriter err) {
        this.connection = connection;
        this.tables = tables;
        this.badLines = badLines;
        this.err = err;
    }

    /**
     * Creates the project if it is missing.
     *
     * @throws IllegalStateException if it belongs to another organisation or is deleted
     */
    public void ensureProject(String project, String organisation) throws SQLException {
        if (isThere(project, organisation)) {
            return;
        }
        String sql = "insert into " + tables.projects() + " (id, organisation_id) values (?, ?) on conflict do nothing";
        try (PreparedStatement insert = connection.prepareStatement(sql)) {
            insert.setString(1, project);
            insert.setString(2, organisation);
            if (insert.executeUpdate() == 0 && !isThere(project, organisation)) {
                throw new IllegalStateException("project '" + project + "' can't be created");
            }
        }
    }

    private boolean isThere(String project, String organisation) throws SQLException {
        String sql = "select organisation_id, deleted_at is not null from " + tables.projects() + " where id = ?";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, project);
            try (ResultSet row = statement.executeQuery()) {
                if (!row.next()) {
                    return false;
                }
                String owner = row.getString(1);
                if (!organisation.equals(owner)) {
                    throw new IllegalStateException("project '" + project + "' belongs to organisation '" + owner
                            + "', not to '" + organisation + "'");
                }
                if (row.getBoolean(2)) {
                    throw new IllegalStateException("project '" + project + "' is deleted");
                }
                return true;
            }
        }
    }

    /**
     * Loads each line as an event with one successful delivery, both of this instant.
     *
     * @throws IllegalStateException if a line is bad and bad lines are refused; the message names it
     */
    public Outcome load(Lines lines, String project, Instant at, Progress progress) throws IOException, SQLException {
        EventWriter writer = new EventWriter(connection, tables);
        long reported = 0;
        for (Optional<Lines.Line> line = lines.next(); line.isPresent(); line = lines.next()) {
            Optional<EventLine> event = read(line.get());
            if (event.isPresent()) {
                write(event.get(), project, at, writer);
                writer.flushIfFull();
            }
            progress.step(lines.octetsRead() - reported);
            reported = lines.octetsRead();
        }
        writer.flush();
        return new Outcome(writer.events(), writer.deliveries(), writer.octets(), skipped);
    }

    private Optional<EventLine> read(Lines.Line line) {
        if (!line.tooLong() && EventLine.isBlank(line.content())) {
            return Optional.empty();
        }
        try {
            if (line.tooLong()) {
                throw new BadLineException("longer than " + UsageTables.grouped(Lines.MAX_OCTETS) + " octets");
            }
            return Optional.of(EventLine.parse(line.content()));
        } catch (BadLineException e) {
            String what = "line " + line.number() + " is bad: " + e.getMessage();
            if (badLines == BadLines.REFUSE) {
                throw new IllegalStateException(
                        what + "; nothing has been loaded (--skip-bad-lines leaves such lines out)");
            }
            err.println(Terminal.printable(what) + "; skipped");
            skipped++;
            return Optional.empty();
        }
    }

    private static void write(EventLine line, String project, Instant at, EventWriter writer) {
        EventWriter.Event event = new EventWriter.Event(
                UUID.randomUUID().toString(),
                project,
                line.eventType(),
                line.data().getBytes(StandardCharsets.UTF_8),
                new byte[0],
                at,
                Optional.empty());
        writer.write(event);
        writer.write(new EventWriter.Delivery(UUID.randomUUID().toString(), event, "Success", at));
    }
}
