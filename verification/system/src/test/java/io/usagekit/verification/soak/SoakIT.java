package io.usagekit.verification.soak;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.testkit.FaultyProxy;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Four processes over one PostgreSQL and a Redis, one with Sentinels, a Redis Cluster, or over PostgreSQL alone, a writer, and random faults: for 5 s
 * each, 20 s in {@code -Pthorough}, or as long as {@code -Dusagekit.soak.seconds} says. Their answers are compared with what the database held. A Redis that the environment names isn't killed or paused, but has all other faults.
 */
@Tag("thorough")
class SoakIT {

    static final int MEMBERS = 4;
    private static final int CALLERS = 3;

    private static final Duration LENGTH =
            Duration.ofSeconds(Long.getLong("usagekit.soak.seconds", Boolean.getBoolean("usagekit.thorough") ? 20 : 5));
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final long seed = Long.getLong("usagekit.seed", new Random().nextLong());
    private final Random random = new Random(seed);
    private final History history = new History(SoakLimits.ORGANISATIONS);
    private final Checker checker = new Checker(history);
    private final List<FaultyProxy> postgresLinks = new ArrayList<>();
    private final List<Member> members = new ArrayList<>();
    private volatile boolean stopped;

    @TempDir
    private Path directory = Path.of("");

    @Test
    void everyFreshFigureIsOneThatTheDatabaseHeldWithinTheSoftLimit() throws Exception {
        soak(postgres -> new OneRedis(), LENGTH);
    }

    @Test
    void everyFreshFigureIsOneThatTheDatabaseHeldWithinTheSoftLimitOnPostgresAlone() throws Exception {
        soak(postgres -> new PostgresAlone(postgres, postgresLinks), LENGTH);
    }

    @Test
    void everyFreshFigureIsOneThatTheDatabaseHeldWithinTheSoftLimitWithSentinels() throws Exception {
        soak(postgres -> new SentinelRedis(), LENGTH);
    }

    @Test
    void everyFreshFigureIsOneThatTheDatabaseHeldWithinTheSoftLimitOverACluster() throws Exception {
        soak(postgres -> new ClusterRedis(), LENGTH);
    }

    private void soak(Function<EmbeddedPostgresServer, SharedStore> stores, Duration length) throws Exception {
        try (EmbeddedPostgresServer postgres = EmbeddedPostgresServer.start();
                SharedStore store = stores.apply(postgres)) {
            System.out.println("SoakIT seed " + seed + ", " + length.toSeconds() + " s, " + store.name());
            prepare(postgres);
            Thread writer = new Thread(() -> write(postgres), "soak-writer");
            writer.start();
            try {
                launch(postgres, store);
                until("all are served", () -> checker.told("get FRESH") > 500);
                List<Member.Status> before = status();
                int mostConnections = store.mostConnections(store.connections().size());

                Map<String, Integer> happened = makeTrouble(postgres, store, length);

                System.out.println("SoakIT faults: " + happened);
                calmDown();
                System.out.println("SoakIT answers: " + checker);
                store.cutOnce();
                calmDown();
                until(
                        () -> "no connection too many, of " + String.join("\n", store.connections()),
                        () -> store.connections().size() <= mostConnections);
                List<Member.Status> after = status();
                System.out.println("SoakIT members before " + before + ", after " + after + "; connections at most "
                        + mostConnections + ", after " + store.connections().size());
                assertThat(after).allSatisfy(status -> {
                    assertThat(status.threads())
                            .as("threads of a member, of whatever it began with")
                            .isLessThanOrEqualTo(store.mostThreads());
                    assertThat(status.computations())
                            .as("computations of a member at the same time")
                            .isLessThanOrEqualTo(SoakLimits.PERMITS);
                });
                assertThat(checker.violations()).as("seed %s", seed).isEmpty();
            } finally {
                stopped = true;
                writer.join();
                store.mend();
                postgresLinks.forEach(FaultyProxy::pass);
                members.forEach(member -> member.signal("-CONT"));
                members.forEach(Member::close);
                postgresLinks.forEach(FaultyProxy::close);
            }
        }
        assertThat(checker.violations()).as("seed %s", seed).isEmpty();
    }

    private static void prepare(EmbeddedPostgresServer postgres) throws SQLException {
        PostgresUsage.install(postgres.dataSource(), TableMapping.DEFAULT_SCHEMA);
        PostgresCache.of(postgres.dataSource(), Runnable::run).install();
        try (Connection connection = postgres.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("insert into usagekit.projects (id, organisation_id) select 'p' || n, 'org-' || n"
                    + " from generate_series(0, " + (SoakLimits.ORGANISATIONS - 1) + ") n");
        }
    }

    private void launch(EmbeddedPostgresServer postgres, SharedStore store) throws Exception {
        URI database = URI.create(postgres.jdbcUrl().substring("jdbc:".length()));
        for (int i = 0; i < MEMBERS; i++) {
            FaultyProxy toPostgres = FaultyProxy.to("127.0.0.1", database.getPort());
            postgresLinks.add(toPostgres);
            members.add(Member.launch(
                    i,
                    checker,
                    directory,
                    List.of(
                            "jdbc:postgresql://127.0.0.1:" + toPostgres.port() + database.getPath() + "?"
                                    + database.getQuery(),
                            store.address(),
                            Long.toString(random.nextLong()),
                            Integer.toString(CALLERS))));
        }
        for (Member member : members) {
            member.awaitReady();
        }
    }

    private Map<String, Integer> makeTrouble(EmbeddedPostgresServer postgres, SharedStore store, Duration length)
            throws IOException {
        Faults faults = new Faults(random, postgres, postgresLinks, store, members, checker);
        Map<String, Integer> happened = new TreeMap<>();
        long deadline = System.nanoTime() + length.toNanos();
        long nextReport = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (System.nanoTime() < deadline && checker.violations().isEmpty()) {
            Faults.Current fault = faults.next();
            happened.merge(fault.name(), 1, Integer::sum);
            checker.during(fault.name());
            pass(Duration.ofMillis(100 + random.nextInt(2_000)));
            fault.mend().run();
            checker.during("after " + fault.name());
            pass(Duration.ofMillis(200 + random.nextInt(1_500)));
            for (Member member : members) {
                assertThat(member.isAlive())
                        .as("a member ended: %s", member.err())
                        .isTrue();
            }
            if (System.nanoTime() > nextReport) {
                nextReport += TimeUnit.SECONDS.toNanos(30);
                System.out.println("SoakIT " + (deadline - System.nanoTime()) / 1_000_000_000 + " s left: " + checker);
            }
        }
        return happened;
    }

    /** With all faults mended, every caller soon receives fresh figures again, and no error. */
    private void calmDown() {
        until("fresh figures again, and no errors", () -> {
            long fresh = checker.told("get FRESH");
            long errors = checker.told("get ERROR");
            pass(Duration.ofSeconds(2));
            return checker.told("get FRESH") > fresh + 100 && checker.told("get ERROR") == errors;
        });
    }

    /** Faults last for a while; nothing is waited for meanwhile. */
    private static void pass(Duration duration) {
        long until = System.nanoTime() + duration.toNanos();
        for (long left = duration.toNanos(); left > 0; left = until - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    private void until(String what, BooleanSupplier condition) {
        until(() -> what, condition);
    }

    private void until(Supplier<String> what, BooleanSupplier condition) {
        long began = System.nanoTime();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - began > PATIENCE.toNanos()) {
                throw new AssertionError("seed " + seed + ": not within " + PATIENCE + ": " + what.get() + "; "
                        + checker + "; " + checker.violations());
            }
            pass(Duration.ofMillis(50));
        }
    }

    private List<Member.Status> status() throws InterruptedException, IOException {
        List<Member.Status> all = new ArrayList<>();
        for (Member member : members) {
            all.add(member.status());
        }
        return all;
    }

    /** Events of random organisations, one by one; the history knows of each before it begins and after it has ended. */
    private void write(EmbeddedPostgresServer postgres) {
        Random dice = new Random(seed + 1);
        Connection connection = null;
        while (!stopped) {
            int organisation = dice.nextInt(SoakLimits.ORGANISATIONS);
            int number = history.count(organisation);
            history.begins(organisation, System.nanoTime());
            try {
                if (connection == null) {
                    connection = postgres.dataSource().getConnection();
                }
                insert(connection, organisation, number);
                history.ended(organisation, System.nanoTime());
            } catch (SQLException e) {
                close(connection);
                connection = null;
                settle(postgres, organisation, number);
            }
            pass(Duration.ofMillis(5 + dice.nextInt(20)));
        }
        close(connection);
    }

    private static void insert(Connection connection, int organisation, int number) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(20);
            statement.execute("insert into usagekit.events (id, project_id, raw, created_at) values ('e" + organisation
                    + "-" + number + "', 'p" + organisation + "', repeat('x', " + SoakLimits.OCTETS
                    + "), '2026-03-10Z')");
        }
    }

    /** An insertion that failed may have been committed all the same. */
    private void settle(EmbeddedPostgresServer postgres, int organisation, int number) {
        while (!stopped) {
            try (Connection connection = postgres.dataSource().getConnection();
                    Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery(
                            "select count(*) from usagekit.events where id = 'e" + organisation + "-" + number + "'")) {
                row.next();
                if (row.getInt(1) == 1) {
                    history.ended(organisation, System.nanoTime());
                } else {
                    history.failed(organisation);
                }
                return;
            } catch (SQLException e) {
                pass(Duration.ofMillis(50));
            }
        }
    }

    private static void close(@Nullable Connection connection) {
        try {
            if (connection != null) {
                connection.close();
            }
        } catch (SQLException e) {
            // It was broken.
        }
    }
}
