package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Exports and pages of large payloads and texts, in processes whose heap has no room for them; {@code -Dusagekit.memory.events=3000
 * -Dusagekit.memory.large=20} has more of them.
 */
class LedgerMemoryIT {

    private static final int HEAP_MEGABYTES = 64;
    private static final int MEGABYTE = 1 << 20;

    /** Payloads of 1 MB, and of 20 MB, half text and half bytes. */
    private static final int MANY = Integer.getInteger("usagekit.memory.events", 100);

    private static final int LARGE = Integer.getInteger("usagekit.memory.large", 2);

    @TempDir
    private Path directory = Path.of("");

    private static String schema;

    @BeforeAll
    static void fill() {
        schema = LedgerTables.install("memory");
        String s = Identifiers.quote(schema);
        Database.execute(
                "insert into " + s + ".projects (id, organisation_id) values ('many', 'org-1'), ('large', 'org-2')");
        insert(s, "many", MANY, MEGABYTE);
        insert(s, "large", LARGE, 20 * MEGABYTE);
    }

    private static void insert(String s, String project, int events, int octets) {
        Database.execute("insert into " + s + ".events (id, project_id, raw, data, created_at) select '" + project
                + "-' || n, '" + project + "', repeat('é\"', " + octets / 6 + "), decode(repeat('00ff', " + octets / 4
                + "), 'hex'), timestamptz '2026-03-01Z' + n * interval '1 min' from generate_series(1, " + events
                + ") n");
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    @Test
    void exportsManyPayloads() throws IOException, InterruptedException {
        assertThat(readIn(ExportProcess.class, "many")).contains(String.format(Locale.ROOT, "%,d events", MANY));
    }

    @Test
    void exportsPayloadsThatAreLargerThanWhatIsReadAtATime() throws IOException, InterruptedException {
        assertThat(readIn(ExportProcess.class, "large")).contains(String.format(Locale.ROOT, "%,d events", LARGE));
    }

    /** Without payloads: headers of 100 kB, failure reasons and metadata of 50 kB, a page or slice of which has 50 MB and more. */
    @Tag("thorough")
    @Test
    void exportsAndPagesManyTexts() throws IOException, InterruptedException {
        String s = Identifiers.quote(schema);
        Database.execute(
                "insert into " + s + ".projects (id, organisation_id) values ('texts', 'org-4')",
                "insert into " + s
                        + ".events (id, project_id, headers, metadata, created_at) select 'texts-' || n, 'texts',"
                        + " jsonb_build_object('x', repeat('x', 100000)), repeat('é', 25000), '2026-03-01Z'"
                        + " from generate_series(1, 500) n",
                "insert into " + s + ".event_deliveries (id, project_id, event_id, status, failure_reason, metadata,"
                        + " created_at) select e.id, 'texts', e.id, 'Success', e.metadata, e.metadata, e.created_at from "
                        + s + ".events e where e.project_id = 'texts'");
        assertThat(readIn(ExportProcess.class, "texts")).contains("500 events, 75,");
        assertThat(readIn(PagesProcess.class, "texts", "org-4"))
                .contains("500 events and 500 deliveries of the project, 500 received, 500 sent");
    }

    /** The endpoints of all events have 25 MB together. */
    @Tag("thorough")
    @Test
    void exportsManyEndpoints() throws IOException, InterruptedException {
        String s = Identifiers.quote(schema);
        Database.execute(
                "insert into " + s + ".projects (id, organisation_id) values ('broad', 'org-3')",
                "insert into " + s + ".events (id, project_id, created_at) select 'broad-' || n, 'broad', '2026-03-01Z'"
                        + " from generate_series(1, 70) n",
                "insert into " + s + ".events_endpoints (event_id, endpoint_id, project_id, created_at)"
                        + " select e.id, n || repeat('x', 240), e.project_id, e.created_at from " + s
                        + ".events e, generate_series(1, 1500) n where e.project_id = 'broad'");
        assertThat(readIn(ExportProcess.class, "broad")).contains("70 events, 25,");
    }

    @Test
    void pagesManyPayloads() throws IOException, InterruptedException {
        assertThat(readIn(PagesProcess.class, "many", "org-1"))
                .contains(String.format(
                        Locale.ROOT, "%,d events and 0 deliveries of the project, %,d received, 0 sent", MANY, MANY));
    }

    /** Returns what a process says that reads a project, or this and the figure of its organisation. */
    private String readIn(Class<?> main, String... projectAndOrganisation) throws IOException, InterruptedException {
        Path log = directory.resolve("log");
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + HEAP_MEGABYTES + "m",
                "-cp",
                System.getProperty("java.class.path") + File.pathSeparator + System.getProperty("jdk.module.path", ""),
                main.getName(),
                Database.jdbcUrl(),
                schema));
        command.addAll(List.of(projectAndOrganisation));
        Process reading = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            assertThat(reading.waitFor(10, TimeUnit.MINUTES)).isTrue();
        } finally {
            reading.destroyForcibly();
        }
        String said = Files.readString(log);
        assertThat(reading.exitValue()).as(said).isZero();
        return said;
    }
}
