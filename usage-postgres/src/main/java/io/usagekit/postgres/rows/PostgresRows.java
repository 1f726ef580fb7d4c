package io.usagekit.postgres.rows;

import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsageStorageException;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.spi.EventPager;
import io.usagekit.events.spi.PageRead;
import io.usagekit.events.spi.RowWriter;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.IndexBuilder;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.internal.ids.CanonicalIds;
import io.usagekit.postgres.rollups.PostgresRollups;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.Stream;
import javax.sql.DataSource;

/**
 * The rows behind a figure, in whatever tables they are: the events that it counts as received and the deliveries that it counts as
 * sent, each with the octets that it adds. They add up to the figure of the combined query over the same mapping exactly, since both
 * statements are made of the same conditions and expressions; together with {@link RetainedUsage} they add up to that of roll-ups.
 *
 * <p>Rows come by their time, and those of one instant by their id, by code points of its text. A page costs what its own rows cost,
 * in each project of the organisation, however many rows precede it; going through all pages, each row that counts all the while comes
 * exactly once, whatever is written meanwhile.
 *
 * <p>Needs {@code SELECT} on the three tables, or views, and the indexes of
 * {@link io.usagekit.postgres.PostgresUsage#installIndexes}; the first call logs which of them are missing. The host owns the {@link DataSource}; each call takes one connection for one
 * read-only transaction with one snapshot. Safe for use by many threads at once.
 *
 * @since 0.1
 */
public final class PostgresRows {

    private static final int FETCHED_ROWS = 1_000;

    /** The configuration, checked by the builder. */
    private record Settings(
            DataSource dataSource,
            TableMapping mapping,
            PostgresRollups rollups,
            ProjectScope projects,
            Duration timeout,
            Duration exportTimeout,
            EventPager pager) {}

    private final Settings settings;
    private final Jdbc jdbc;
    private final SqlSource source;
    private final AtomicBoolean looksForIndexes = new AtomicBoolean(true);

    private PostgresRows(Settings settings, SqlSource source) {
        this.settings = settings;
        this.jdbc = new Jdbc(settings.dataSource());
        this.source = source;
    }

    /** The rows of these tables, with the roll-ups that {@code PostgresRollups.of} installs for them, if there are any. */
    public static PostgresRows of(DataSource dataSource, TableMapping mapping) {
        return builder(dataSource).mapping(mapping).build();
    }

    /** Returns a builder. */
    public static Builder builder(DataSource dataSource) {
        return new Builder(dataSource);
    }

    /** The same with other statements, for negative controls. */
    PostgresRows with(SqlSource other) {
        return new PostgresRows(settings, other);
    }

    /**
     * Reads a page of the events that a figure counts as received.
     *
     * @throws IllegalArgumentException if the cursor wasn't given out for this figure, side and order, before anything is read; or the
     *     column of organisations can't hold such an id
     * @throws UsageStorageException if the mapping doesn't fit the tables, several events have the same time and id, the sums of rows that
     *     retention has deleted may not be those of the rows that the tables lack, as after a restore, or the database refuses or can't be
     *     reached
     */
    public RowPage<ReceivedRow> received(UsageKey key, PageRequest request) {
        return page(RowKind.RECEIVED, key, request);
    }

    /**
     * Reads a page of the deliveries that a figure counts as sent.
     *
     * @throws IllegalArgumentException as {@link #received}
     * @throws UsageStorageException as {@link #received}, or if several deliveries have the same time and id, or one of an event that is there
     *     several times
     */
    public RowPage<SentRow> sent(UsageKey key, PageRequest request) {
        return page(RowKind.SENT, key, request);
    }

    /**
     * Reads all events that a figure counts as received, in one snapshot and constant memory, the earliest first.
     *
     * @param each is called with each of them, on this thread, while the connection is held; what it throws ends the call
     * @return their sum, which has been compared with the figure of the same snapshot
     * @throws IllegalArgumentException if the column of organisations can't hold such an id
     * @throws UsageStorageException if the mapping doesn't fit the tables, retained sums may not fit them, as for {@link #received}, the
     *     database refuses or can't be reached, the octets exceed {@code bigint}, or the rows don't add up to the figure, as where several
     *     events have the same id
     */
    public RowSum readReceived(UsageKey key, Consumer<ReceivedRow> each) {
        return read(RowKind.RECEIVED, key, each);
    }

    /** Reads all deliveries that a figure counts as sent, as {@link #readReceived} does. */
    public RowSum readSent(UsageKey key, Consumer<SentRow> each) {
        return read(RowKind.SENT, key, each);
    }

    /**
     * Writes all events that a figure counts as received, as {@link #readReceived} reads them: {@code created_at}, {@code event_id},
     * {@code project_id}, {@code bytes}.
     *
     * @param sink is flushed at the end, and not closed
     * @throws UsageStorageException as {@link #readReceived}, or if the sink fails; what it has received is incomplete then
     */
    public RowSum exportReceived(UsageKey key, RowFormat format, OutputStream sink) {
        return export(RowKind.RECEIVED, key, format, sink);
    }

    /** Writes all deliveries that a figure counts as sent, as {@link #exportReceived} does, with {@code delivery_id} besides. */
    public RowSum exportSent(UsageKey key, RowFormat format, OutputStream sink) {
        return export(RowKind.SENT, key, format, sink);
    }

    private <T> RowPage<T> page(RowKind<T> kind, UsageKey key, PageRequest request) {
        PageRead<T> read = settings.pager().rows(kind.name() + "-rows", key, request, kind.position());
        return inSnapshot(kind, key, settings.timeout(), (connection, sql, canonical) -> {
            Page<T> page = read.read(scan -> {
                List<T> rows = sql.page(connection, kind, canonical, scan).list(kind.reader());
                checkDistinct(kind, key, rows);
                return rows;
            });
            return new RowPage<>(
                    page.items(), page.next(), page.previous(), retained(connection, sql, kind, canonical));
        });
    }

    /** Checks that no two rows are at the same place: a page that ends between them would skip one. */
    private static <T> void checkDistinct(RowKind<T> kind, UsageKey key, List<T> rows) {
        for (int i = 1; i < rows.size(); i++) {
            Scan.Position position = kind.position().apply(rows.get(i));
            if (position.equals(kind.position().apply(rows.get(i - 1)))) {
                throw UsageStorageException.permanent(
                        "the rows of " + key + " can't be read page by page: several have the id \"" + position.id()
                                + "\" and the time " + position.createdAt()
                                + "; map an id that differs, look for several events of one id, which must be unique in"
                                + " their table, or read all rows at once",
                        null);
            }
        }
    }

    private <T> RowSum read(RowKind<T> kind, UsageKey key, Consumer<T> each) {
        Objects.requireNonNull(each, "each");
        return inSnapshot(kind, key, settings.exportTimeout(), (connection, sql, canonical) -> {
            RunningSum<T> sum = new RunningSum<>(kind);
            sql.all(connection, kind, canonical).forEach(FETCHED_ROWS, row -> {
                if (sum.volume % FETCHED_ROWS == 0) {
                    Jdbc.checkInterrupt("reading the rows of " + key);
                }
                T next = kind.reader().read(row);
                sum.add(next, key);
                each.accept(next);
            });
            UsageMetrics rows = sum.metrics();
            checkFigure(kind, key, rows, figure(connection, canonical));
            return new RowSum(rows, sum.unmeasured, retained(connection, sql, kind, canonical));
        });
    }

    /** Reads what the figure counts besides rows; refuses where calculators of roll-ups refuse the figure. */
    private RetainedUsage retained(Connection connection, RowSql sql, RowKind<?> kind, UsageKey key)
            throws SQLException {
        RetainedUsage retained = sql.retained(connection, kind, key);
        Optional<String> doubt = settings.rollups().partitionGuard().retainedDoubt(connection, key);
        if (doubt.isPresent()) {
            throw UsageStorageException.permanent(
                    "the rows behind the figure of " + key + " can't be read: " + doubt.get(), null);
        }
        return retained;
    }

    private CombinedQuery.Totals figure(Connection connection, UsageKey key) throws SQLException {
        return CombinedQuery.over(TableShape.readForStorage(connection, settings.mapping()), settings.projects())
                .sums(connection, key);
    }

    private static void checkFigure(RowKind<?> kind, UsageKey key, UsageMetrics rows, CombinedQuery.Totals figure) {
        UsageMetrics expected = kind.figure().apply(figure);
        if (!rows.equals(expected)) {
            throw UsageStorageException.permanent(
                    "the rows that " + key + " counts as " + kind.name() + " are " + rows.volume() + " of "
                            + rows.bytes() + " octets, and the figure of the same snapshot is " + expected.volume()
                            + " of " + expected.bytes()
                            + " octets; look for several events of one id, which must be unique in their table",
                    null);
        }
    }

    /** The sum of the rows so far. */
    private static final class RunningSum<T> {
        private final RowKind<T> kind;
        private long volume;
        private long bytes;
        private long unmeasured;

        RunningSum(RowKind<T> kind) {
            this.kind = kind;
        }

        void add(T row, UsageKey key) {
            volume++;
            long octets = kind.bytes().apply(row).orElse(0);
            if (octets > Long.MAX_VALUE - bytes) {
                throw UsageStorageException.permanent(
                        "the rows of " + key + " have no sum, and there is no figure: the octets of the first " + volume
                                + " exceed " + Long.MAX_VALUE + "; correct the stored sizes, or read page by page",
                        null);
            }
            bytes += octets;
            unmeasured += kind.bytes().apply(row).isEmpty() ? 1 : 0;
        }

        UsageMetrics metrics() {
            return new UsageMetrics(volume, bytes);
        }
    }

    private <T> RowSum export(RowKind<T> kind, UsageKey key, RowFormat format, OutputStream sink) {
        try {
            RowWriter writer = RowWriter.begin(format.format, kind.columns(), sink);
            RowSum sum = read(kind, key, row -> {
                try {
                    writer.write(kind.values().apply(row));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            writer.flush();
            return sum;
        } catch (UncheckedIOException e) {
            throw unwritable(key, Objects.requireNonNull(e.getCause()));
        } catch (IOException e) {
            throw unwritable(key, e);
        }
    }

    private static UsageStorageException unwritable(UsageKey key, IOException e) {
        return new UsageStorageException("the rows of " + key + " can't be written: " + e.getMessage(), e);
    }

    private interface Work<T> {
        T run(Connection connection, RowSql sql, UsageKey canonical) throws SQLException;
    }

    /** Runs in one snapshot, which is taken after the tables are locked against rewriting. */
    private <T> T inSnapshot(RowKind<?> kind, UsageKey key, Duration timeout, Work<T> work) {
        TableMapping mapping = settings.mapping();
        List<String> tables = Stream.of(mapping.projects(), mapping.events(), mapping.deliveries())
                .map(table -> Identifiers.qualified(mapping.schema(), table))
                .toList();
        try {
            return jdbc.snapshot(Jdbc.Mode.READ_ONLY_SNAPSHOT, timeout, Duration.ZERO, tables, connection -> {
                TableShape shape = TableShape.readForStorage(connection, mapping);
                if (kind.equals(RowKind.SENT)) {
                    shape.checkDeliveryId();
                }
                if (looksForIndexes.getAndSet(false)) {
                    IndexBuilder.warnOfMissing(connection, shape.mapping());
                }
                CanonicalIds ids = new CanonicalIds();
                ids.columnIs(shape.organisationIdType());
                UsageKey canonical = new UsageKey(ids.canonical(key.organisationId()), key.period());
                return work.run(
                        connection,
                        RowSql.over(
                                shape, settings.projects(), settings.rollups().schema(), source),
                        canonical);
            });
        } catch (SQLException e) {
            if (SqlErrors.isUnreadable(e)) {
                explainShape(timeout, e);
            }
            boolean isTimeout = SqlErrors.isTimeout(e)
                    && !SqlErrors.isPermanent(e)
                    && !Thread.currentThread().isInterrupted();
            throw isTimeout
                    ? new UsageStorageException("the rows of " + key + " weren't read within " + timeout, e)
                    : SqlErrors.storageFailure("the rows of " + key + " can't be read", e);
        }
    }

    /** Throws the exception that names what of the mapping isn't there, if anything isn't: the lock of a table says less. */
    private void explainShape(Duration timeout, SQLException reason) {
        try {
            jdbc.transaction(
                    Jdbc.Mode.READ_ONLY,
                    timeout,
                    connection -> TableShape.readForStorage(connection, settings.mapping()));
        } catch (SQLException e) {
            reason.addSuppressed(e);
        }
    }

    /**
     * Builds. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private final DataSource dataSource;
        private TableMapping mapping = TableMapping.usagekit();
        private Optional<String> rollups = Optional.empty();
        private Optional<PostgresRollups> given = Optional.empty();
        private ProjectScope projects = ProjectScope.ALIVE;
        private Duration timeout = Duration.ofSeconds(30);
        private Duration exportTimeout = Duration.ofHours(1);
        private EventPager pager = EventPager.create();

        private Builder(DataSource dataSource) {
            this.dataSource = Objects.requireNonNull(dataSource, "dataSource");
        }

        /** The tables; {@link TableMapping#usagekit()} by default. */
        public Builder mapping(TableMapping mapping) {
            this.mapping = Objects.requireNonNull(mapping, "mapping");
            return this;
        }

        /**
         * The schema of the roll-ups, whose retained sums are what a figure counts without rows; by default it has the name of the tables'
         * schema and {@code _rollups}. There needn't be one.
         */
        public Builder rollups(String schema) {
            this.rollups = Optional.of(schema);
            this.given = Optional.empty();
            return this;
        }

        /** The roll-ups whose retained sums count without rows, with their settings, instead of those of a schema. */
        public Builder rollups(PostgresRollups rollups) {
            this.given = Optional.of(rollups);
            return this;
        }

        /** Whether rows of soft-deleted projects count, as for the figure; false by default. */
        public Builder countDeletedProjects(boolean count) {
            this.projects = count ? ProjectScope.ALL : ProjectScope.ALIVE;
            return this;
        }

        /** How long a page may wait for a connection, and each of its statements may take; 30 s by default, 1 ms to 1 day. */
        public Builder timeout(Duration timeout) {
            this.timeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /**
         * The same for reading or exporting all rows, which PostgreSQL sorts before it returns the first one, and how long the receiver may
         * take for some of them; 1 h by default, 1 ms to 1 day.
         */
        public Builder exportTimeout(Duration timeout) {
            this.exportTimeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /**
         * The secret that signs cursors, so that only this host's processes can make one; by default a key that is part of the library. A
         * cursor grants access to nothing.
         *
         * @param secret the same in all processes that share cursors; at least one octet
         */
        public Builder cursorSecret(byte[] secret) {
            this.pager = EventPager.withSecret(secret);
            return this;
        }

        /**
         * Checks and builds; connects to nothing yet.
         *
         * @throws IllegalArgumentException if a timeout is out of bounds, or the roll-ups' schema is that of the tables or no name of one
         */
        public PostgresRows build() {
            SqlErrors.checkTimeout(timeout);
            SqlErrors.checkTimeout(exportTimeout);
            PostgresRollups.Builder ofTables =
                    PostgresRollups.builder(dataSource).mapping(mapping);
            rollups.ifPresent(ofTables::schema);
            return new PostgresRows(
                    new Settings(
                            dataSource,
                            mapping,
                            given.orElseGet(ofTables::build),
                            projects,
                            timeout,
                            exportTimeout,
                            pager),
                    RowSql.SOURCE);
        }
    }
}
