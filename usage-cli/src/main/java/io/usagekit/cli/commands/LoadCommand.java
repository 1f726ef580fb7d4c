package io.usagekit.cli.commands;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.cli.load.EventLoad;
import io.usagekit.cli.load.Lines;
import io.usagekit.cli.support.DatabaseOptions;
import io.usagekit.cli.support.Prerequisites;
import io.usagekit.cli.support.Progress;
import io.usagekit.cli.support.Specs;
import io.usagekit.cli.support.Tables;
import io.usagekit.cli.support.UsageTables;
import io.usagekit.cli.support.Version;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.YearMonth;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.concurrent.Callable;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Loads events out of a file: all of it, or nothing. */
@Command(
        name = "load",
        description = {
            "Loads newline-delimited JSON, {\"event_type\": string, \"data\": any JSON}, as events with one successful"
                    + " delivery each.",
            "All in one transaction: unless told to skip them, a bad line leaves nothing loaded."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
public final class LoadCommand implements Callable<Integer> {

    private static final String STANDARD_INPUT = "-";

    @Spec
    private @Nullable CommandSpec spec;

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    @Option(
            names = "--organisation",
            paramLabel = "ID",
            description = "Whose events they are; ${DEFAULT-VALUE} by default.")
    private String organisation = "org-demo";

    @Option(
            names = "--project",
            paramLabel = "ID",
            description = "Of which project, created if missing; <organisation>-project by default.")
    private @Nullable String project;

    @Option(
            names = "--file",
            required = true,
            paramLabel = "FILE",
            description = "What to load, gzip or plain; - is standard input.")
    private String file = "";

    @Option(names = "--at", paramLabel = "INSTANT", description = "When they were received and sent; now by default.")
    private @Nullable String at;

    @Option(names = "--skip-bad-lines", description = "Leaves bad lines out, naming each, and loads the others.")
    private boolean skipBadLines;

    @Override
    public Integer call() throws IOException, SQLException {
        String into = Objects.requireNonNullElse(project, organisation + "-project");
        requireId("organisation", organisation);
        requireId("project", into);
        Instant instant = instant();
        String schema = database.schemaOr(TableMapping.DEFAULT_SCHEMA);
        DataSource dataSource = database.dataSource();
        try (Lines lines = Lines.of(open())) {
            Prerequisites.tables(dataSource, schema);
            PostgresUsage.discover(dataSource, schema);
            print(load(lines, dataSource, Tables.of(schema), into, instant), into);
        }
        return ExitCode.OK;
    }

    private EventLoad.Outcome load(Lines lines, DataSource dataSource, Tables tables, String into, Instant instant)
            throws IOException, SQLException {
        try (Connection connection = dataSource.getConnection();
                Progress progress = Progress.of("Loading", "bytes", size(), Specs.err(spec))) {
            connection.setAutoCommit(false);
            EventLoad load = new EventLoad(
                    connection,
                    tables,
                    skipBadLines ? EventLoad.BadLines.SKIP : EventLoad.BadLines.REFUSE,
                    Specs.err(spec));
            load.ensureProject(into, organisation);
            EventLoad.Outcome outcome = load.load(lines, into, instant, progress);
            connection.commit(); // closing without it rolls back
            return outcome;
        }
    }

    private void print(EventLoad.Outcome outcome, String into) {
        if (outcome.skipped() > 0) {
            Specs.err(spec)
                    .println(UsageTables.grouped(outcome.skipped())
                            + (outcome.skipped() == 1 ? " bad line skipped" : " bad lines skipped"));
        }
        Specs.out(spec)
                .printf(
                        "Loaded %s events of %s bytes and %s deliveries into project %s of organisation %s.%n",
                        UsageTables.grouped(outcome.events()),
                        UsageTables.grouped(outcome.octets()),
                        UsageTables.grouped(outcome.deliveries()),
                        into,
                        organisation);
    }

    /** Ids have the bounds of an organisation's. */
    private static void requireId(String name, String id) {
        try {
            new UsageKey(id, UsagePeriod.month(YearMonth.of(2026, 1)));
        } catch (IllegalArgumentException e) {
            String reason = Objects.requireNonNullElse(e.getMessage(), "");
            throw new IllegalArgumentException(reason.replaceFirst("^organisationId", name), e);
        }
    }

    private Instant instant() {
        try {
            return (at == null ? Instant.now() : OffsetDateTime.parse(at).toInstant()).truncatedTo(ChronoUnit.MICROS);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException(
                    "--at must be an instant (2026-03-17T09:30:00Z), but was '" + at + "'", e);
        }
    }

    private InputStream open() throws IOException {
        if (file.equals(STANDARD_INPUT)) {
            return System.in;
        }
        if (Files.isDirectory(path())) {
            throw new IOException("'" + file + "' is a directory");
        }
        return Files.newInputStream(path());
    }

    /** -1 if that isn't known. */
    private long size() throws IOException {
        return file.equals(STANDARD_INPUT) || !Files.isRegularFile(path()) ? -1 : Files.size(path());
    }

    private Path path() {
        try {
            return Path.of(file);
        } catch (InvalidPathException e) {
            throw new IllegalArgumentException("--file must be a path or -, but was '" + file + "'", e);
        }
    }
}
