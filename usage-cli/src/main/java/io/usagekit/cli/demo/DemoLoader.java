package io.usagekit.cli.demo;

import io.usagekit.cli.load.CopyRows;
import io.usagekit.cli.load.EventWriter;
import io.usagekit.cli.support.Progress;
import io.usagekit.cli.support.Tables;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;

/** Loads the demo's projects, events and deliveries, several connections at once. */
final class DemoLoader {

    private static final int MAX_WORKERS = 4;
    private static final int CHUNK = 250;

    private final DataSource dataSource;
    private final Tables tables;
    private final DemoOrganisations organisations;
    private final long seed;
    private final int count;

    /** How many rows there are in all. */
    record Outcome(long events, long deliveries, long octets) {
        Outcome plus(Outcome other) {
            return new Outcome(events + other.events, deliveries + other.deliveries, octets + other.octets);
        }
    }

    DemoLoader(DataSource dataSource, Tables tables, DemoOrganisations organisations, long seed, int count) {
        this.dataSource = dataSource;
        this.tables = tables;
        this.organisations = organisations;
        this.seed = seed;
        this.count = count;
    }

    /** Loads everything, and lets PostgreSQL learn what it has. */
    Outcome load(Progress progress) throws SQLException, InterruptedException {
        loadProjects();
        Outcome outcome = loadEvents(progress);
        try (Connection connection = dataSource.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("vacuum (analyze) " + tables.projects());
            statement.execute("vacuum (analyze) " + tables.events());
            statement.execute("vacuum (analyze) " + tables.deliveries());
        }
        return outcome;
    }

    private void loadProjects() throws SQLException {
        try (Connection connection = dataSource.getConnection()) {
            CopyRows rows =
                    new CopyRows(connection, tables.projects(), "id, organisation_id, name, created_at, deleted_at");
            for (DemoOrganisations.Project project : organisations.projects()) {
                rows.text(project.id())
                        .text(project.organisationId())
                        .text(project.name())
                        .text("2025-12-01T00:00:00Z");
                if (project.deleted()) {
                    rows.text("2026-04-02T00:00:00Z");
                } else {
                    rows.nothing();
                }
                rows.endRow();
            }
            rows.flush();
        }
    }

    private Outcome loadEvents(Progress progress) throws SQLException, InterruptedException {
        int workers = Math.min(MAX_WORKERS, Runtime.getRuntime().availableProcessors());
        AtomicInteger next = new AtomicInteger();
        Callable<Outcome> worker = () -> loadChunks(next, progress);
        ExecutorService pool = Executors.newFixedThreadPool(workers);
        try {
            List<Future<Outcome>> running = new ArrayList<>();
            for (int i = 0; i < workers; i++) {
                running.add(pool.submit(worker));
            }
            Outcome sum = new Outcome(0, 0, 0);
            for (Future<Outcome> each : running) {
                sum = sum.plus(join(each));
            }
            return sum;
        } finally {
            next.set(count); // another thread has failed: the remaining ones stop after their chunk
            pool.shutdown();
        }
    }

    private static Outcome join(Future<Outcome> worker) throws SQLException, InterruptedException {
        try {
            return worker.get();
        } catch (ExecutionException e) {
            Optional<SQLException> cause = Optional.ofNullable(e.getCause())
                    .filter(SQLException.class::isInstance)
                    .map(SQLException.class::cast);
            throw cause.orElseThrow(() -> new IllegalStateException(e.getCause()));
        }
    }

    private Outcome loadChunks(AtomicInteger next, Progress progress) throws SQLException {
        DemoEvents source = new DemoEvents(organisations, seed, count);
        try (Connection connection = dataSource.getConnection()) {
            connection.setAutoCommit(false);
            EventWriter writer = new EventWriter(connection, tables);
            for (int from = next.getAndAdd(CHUNK); from < count; from = next.getAndAdd(CHUNK)) {
                int to = Math.min(count, from + CHUNK);
                for (int number = from; number < to; number++) {
                    source.write(number, writer);
                }
                writer.flush();
                connection.commit();
                progress.step(to - from);
            }
            return new Outcome(writer.events(), writer.deliveries(), writer.octets());
        }
    }
}
