package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.testing.Database;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Several installers of everything into one schema that is empty, at once: none fails, and each has a pool of one connection. */
class InstallRaceIT {

    private static final int INSTALLERS = 8;
    private static final boolean THOROUGH = Boolean.getBoolean("usagekit.thorough");
    private static final int ROUNDS = THOROUGH ? 10 : 3;

    /** A process takes seconds to start. */
    private static final int PROCESSES = THOROUGH ? INSTALLERS : 3;

    private final ExecutorService threads = Executors.newFixedThreadPool(INSTALLERS);
    private String expected;

    @BeforeEach
    void installAlone() {
        String schema = Database.newSchema("race");
        assertThat(InstallProcess.attempt(Database.pool(), schema, 0)).isEqualTo(InstallProcess.INSTALLED);
        expected = objects(schema);
        drop(schema);
    }

    @AfterEach
    void end() {
        threads.shutdownNow();
    }

    private static void drop(String schema) {
        Database.dropSchema(schema + "_rollups");
        Database.dropSchema(schema);
    }

    /** What is installed, and whether its indexes are valid. */
    private static String objects(String schema) {
        return Database.query("""
                select string_agg(replace(concat_ws(' ', n.nspname, c.relname, c.relkind, i.indisvalid), ?, 'S'), E'\\n'
                    order by n.nspname, c.relname)
                    || (select count(*) from pg_trigger t join pg_class r on r.oid = t.tgrelid
                        where r.relnamespace = min(n.oid::bigint)::oid and not t.tgisinternal)
                from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_index i on i.indexrelid = c.oid
                where n.nspname in (?, ? || '_rollups')
                """, schema, schema, schema);
    }

    @Tag("thorough")
    @Test
    void letsManyPoolsInstallAtOnce() throws Exception {
        CyclicBarrier start = new CyclicBarrier(INSTALLERS);
        List<HikariDataSource> pools = new ArrayList<>();
        try {
            for (int i = 0; i < INSTALLERS; i++) {
                pools.add(Database.newPool(1));
            }
            for (int round = 0; round < ROUNDS; round++) {
                String schema = Database.newSchema("race");
                List<Callable<String>> installers = new ArrayList<>();
                for (int i = 0; i < INSTALLERS; i++) {
                    int turn = round + i;
                    HikariDataSource pool = pools.get(i);
                    installers.add(() -> {
                        start.await(30, TimeUnit.SECONDS);
                        return InstallProcess.attempt(pool, schema, turn);
                    });
                }
                assertAllInstalled(round, schema, threads.invokeAll(installers));
            }
        } finally {
            pools.forEach(HikariDataSource::close);
        }
    }

    /** Installations in several schemas have several locks; each builds indexes concurrently, and waits for snapshots of the others. */
    @Test
    void installsInSeveralSchemasAtOnce() throws Exception {
        CyclicBarrier start = new CyclicBarrier(INSTALLERS);
        try (HikariDataSource pool = Database.newPool(INSTALLERS)) {
            List<String> schemas = new ArrayList<>();
            List<Callable<String>> installers = new ArrayList<>();
            for (int i = 0; i < INSTALLERS; i++) {
                String schema = Database.newSchema("race");
                schemas.add(schema);
                installers.add(() -> {
                    PostgresUsage.install(pool, schema);
                    start.await(30, TimeUnit.SECONDS);
                    return InstallProcess.attempt(pool, schema, 1);
                });
            }
            List<Future<String>> answers = threads.invokeAll(installers);
            for (int i = 0; i < INSTALLERS; i++) {
                assertAllInstalled(0, schemas.get(i), List.of(answers.get(i)));
            }
        }
    }

    @Tag("thorough")
    @Test
    void letsManyProcessesInstallAtOnce() throws Exception {
        List<Member> members = new ArrayList<>();
        try {
            for (int i = 0; i < PROCESSES; i++) {
                members.add(new Member(i));
            }
            for (Member member : members) {
                assertThat(member.answer()).isEqualTo("ready");
            }
            for (int round = 0; round < ROUNDS; round++) {
                String schema = Database.newSchema("race");
                for (Member member : members) {
                    member.send(schema);
                }
                assertAllInstalled(
                        round,
                        schema,
                        threads.invokeAll(members.stream()
                                .map(member -> (Callable<String>) member::answer)
                                .toList()));
            }
        } finally {
            members.forEach(Member::close);
        }
    }

    private void assertAllInstalled(int round, String schema, List<Future<String>> answers) throws Exception {
        List<String> failures = new ArrayList<>();
        for (Future<String> answer : answers) {
            if (!answer.get(2, TimeUnit.MINUTES).equals(InstallProcess.INSTALLED)) {
                failures.add(answer.get());
            }
        }
        assertThat(failures).as("failures of round %d", round).isEmpty();
        assertThat(objects(schema)).isEqualTo(expected);
        drop(schema);
    }

    /** A process that installs. */
    private static final class Member {
        private final Process process;
        private final BufferedWriter input;
        private final BufferedReader output;

        Member(int turn) throws IOException {
            process = new ProcessBuilder(
                            ProcessHandle.current().info().command().orElseThrow(),
                            "-Xmx64m",
                            "-cp",
                            System.getProperty("java.class.path")
                                    + File.pathSeparator
                                    + System.getProperty("jdk.module.path", ""),
                            InstallProcess.class.getName(),
                            Database.jdbcUrl(),
                            Integer.toString(turn))
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            input = new BufferedWriter(new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8));
            output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        }

        void send(String line) throws IOException {
            input.write(line);
            input.newLine();
            input.flush();
        }

        String answer() throws IOException {
            return String.valueOf(output.readLine());
        }

        void close() {
            process.destroyForcibly();
        }
    }
}
