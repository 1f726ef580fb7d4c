package io.usagekit.clickhouse;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What organisations used in each UTC hour by the raw rows of {@link StressTables} in one state, in files that outlive the process which wrote them. */
record RawHours(List<Hour> hours) {

    /** The sums of an organisation's hour. */
    private record Hour(
            String organisation, long hour, long events, long bytes, long deliveries, long sent, long lost) {

        static Hour parse(String line) {
            String[] values = line.split("\\|", -1);
            return new Hour(
                    values[0],
                    Long.parseLong(values[1]),
                    Long.parseLong(values[2]),
                    Long.parseLong(values[3]),
                    Long.parseLong(values[4]),
                    Long.parseLong(values[5]),
                    Long.parseLong(values[6]));
        }

        String line() {
            return String.join(
                    "|", organisation, "" + hour, "" + events, "" + bytes, "" + deliveries, "" + sent, "" + lost);
        }
    }

    private static final String SQL = """
            select
                p.organisation_id,
                extract(epoch from date_trunc('hour', r.created_at, 'UTC'))::bigint,
                sum(events), sum(bytes), sum(deliveries), sum(sent), sum(lost)
            from (
                select project_id, created_at, 1 as events, payload_bytes as bytes, 0 as deliveries, 0 as sent, 0 as lost
                from {k}.events
                where deleted_at is null
                union all
                select d.project_id, d.created_at, 0, 0, 1, coalesce(e.payload_bytes, 0), (e.id is null)::integer
                from {k}.event_deliveries d
                left join {k}.events e on e.id = d.event_id
                where d.status = 'Success'
            ) as r
            join {k}.projects p on p.id = r.project_id and p.deleted_at is null
            group by 1, 2
            """;

    /** Reads them in the state that the connection's transaction sees. */
    static RawHours read(Connection connection) throws SQLException {
        List<Hour> hours = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(StressTables.named(SQL))) {
            while (row.next()) {
                hours.add(new Hour(
                        row.getString(1),
                        row.getLong(2),
                        row.getLong(3),
                        row.getLong(4),
                        row.getLong(5),
                        row.getLong(6),
                        row.getLong(7)));
            }
        }
        return new RawHours(hours);
    }

    private static Path file(Path directory, Instant asOf) {
        return directory.resolve(Long.toString(ChronoUnit.MICROS.between(Instant.EPOCH, asOf)));
    }

    /** Writes the file of a state, which is whole or not there. */
    void write(Path directory, Instant asOf) {
        try {
            Path whole = file(directory, asOf);
            Path part = whole.resolveSibling(whole.getFileName() + ".part");
            Files.write(part, hours.stream().map(Hour::line).toList());
            Files.move(part, whole, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Reads the file of a state; empty if there is none. */
    static Optional<RawHours> of(Path directory, Instant asOf) {
        Path file = file(directory, asOf);
        try {
            return Files.exists(file)
                    ? Optional.of(new RawHours(
                            Files.readAllLines(file).stream().map(Hour::parse).toList()))
                    : Optional.empty();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The figure of whole hours. */
    OrganisationUsage figure(UsageKey key, Instant asOf) {
        long start = key.period().start().getEpochSecond();
        long end = key.period().end().getEpochSecond();
        List<Hour> of = hours.stream()
                .filter(hour -> hour.organisation.equals(key.organisationId()) && hour.hour >= start && hour.hour < end)
                .toList();
        return new OrganisationUsage(
                key,
                new UsageMetrics(
                        of.stream().mapToLong(Hour::events).sum(),
                        of.stream().mapToLong(Hour::bytes).sum()),
                new UsageMetrics(
                        of.stream().mapToLong(Hour::deliveries).sum(),
                        of.stream().mapToLong(Hour::sent).sum()),
                asOf,
                of.stream().mapToLong(Hour::lost).sum());
    }
}
