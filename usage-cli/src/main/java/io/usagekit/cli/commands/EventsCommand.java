package io.usagekit.cli.commands;

import io.usagekit.UsageStorageException;
import io.usagekit.cli.support.DatabaseCommand;
import io.usagekit.cli.support.DatabaseOptions;
import io.usagekit.cli.support.EventFilterOptions;
import io.usagekit.cli.support.EventWindowOptions;
import io.usagekit.cli.support.PageOptions;
import io.usagekit.cli.support.Prerequisites;
import io.usagekit.cli.support.Progress;
import io.usagekit.cli.support.RetainIdsOption;
import io.usagekit.cli.support.UsageTables;
import io.usagekit.cli.support.Version;
import io.usagekit.events.Bounds;
import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.Event;
import io.usagekit.events.EventExportException;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportProgress;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import io.usagekit.events.Page;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.events.PostgresLedger;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.function.BiFunction;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Finds and exports what the ledger holds. */
@Command(
        name = "events",
        description = "The event ledger in a schema (default: " + TableMapping.DEFAULT_SCHEMA + ").",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {
            EventsCommand.Install.class,
            EventsCommand.PageOf.class,
            EventsCommand.Show.class,
            EventsCommand.Count.class,
            EventsCommand.Export.class,
            EventsCommand.Tokenise.class,
            EventsCommand.DeleteTokens.class
        })
public final class EventsCommand {

    /** What they have in common. */
    private abstract static class Subcommand extends DatabaseCommand {
        final PostgresLedger ledger() {
            Prerequisites.ledger(database().dataSource(), schema());
            return PostgresLedger.of(database().dataSource(), schema());
        }

        final EventRepository repository() {
            return ledger().repository();
        }
    }

    /** What is about the events of a project. */
    private abstract static class OfProject extends Subcommand {
        @Option(names = "--project", required = true, paramLabel = "ID", description = "Whose events.")
        private String project = "";

        final String project() {
            return Bounds.id("--project", project);
        }
    }

    /** Creates it. */
    @Command(
            name = "install",
            description = "Creates the library's own tables and what the ledger adds to them, where it is missing;"
                    + " blocks no writes for long.")
    static final class Install extends Subcommand {
        @Mixin
        private RetainIdsOption retainIds = new RetainIdsOption();

        @Option(names = "--print", description = "Prints the DDL instead, for psql, Flyway or Liquibase.")
        private boolean print;

        @Override
        public Integer call() {
            PrintWriter out = out();
            if (print) {
                out.println(ledger(DatabaseOptions.connectingTo("jdbc:postgresql:nowhere"))
                        .ddl()
                        .stripTrailing());
            } else {
                Prerequisites.noOtherTables(database().dataSource(), schema());
                ledger(database().dataSource()).install();
                out.println("The ledger is in schema " + schema() + ".");
            }
            return ExitCode.OK;
        }

        private PostgresLedger ledger(DataSource dataSource) {
            return retainIds.ledger(PostgresLedger.builder(dataSource).schema(schema()));
        }
    }

    /** Prints one page. */
    @Command(name = "page", description = "Prints a page of events, and the cursors of the pages next to it.")
    static final class PageOf extends OfProject {
        @Mixin
        private EventFilterOptions filter = new EventFilterOptions();

        @Mixin
        private PageOptions page = new PageOptions();

        @Override
        public Integer call() {
            Page<Event> found = repository().page(project(), filter.filter(), page.request());
            out().println(UsageTables.events(found.items()));
            PageOptions.print(out(), found.previous(), found.next());
            return ExitCode.OK;
        }
    }

    /** Prints one event. */
    @Command(
            name = "show",
            description =
                    "Prints an event without its payload, a page of its deliveries, and the cursors of the pages next to it.")
    static final class Show extends OfProject {
        @Parameters(paramLabel = "EVENT", description = "Its id.")
        private String event = "";

        @Mixin
        private PageOptions page = new PageOptions();

        @Override
        public Integer call() {
            PostgresLedger ledger = ledger();
            EventRepository events = ledger.repository();
            Event found = events.find(project(), Bounds.id("EVENT", event))
                    .orElseThrow(() -> new UsageStorageException(
                            "there is no event \"" + event + "\" in the project \"" + project() + "\"", null));
            Page<Delivery> deliveries = ledger.deliveries()
                    .page(project(), DeliveryFilter.builder().eventId(event).build(), page.request());
            out().println(UsageTables.event(found, events.endpointIds(project(), event)));
            if (!deliveries.items().isEmpty()) {
                out().println(UsageTables.deliveries(deliveries.items()));
            }
            PageOptions.print(out(), deliveries.previous(), deliveries.next());
            return ExitCode.OK;
        }
    }

    /** Counts. */
    @Command(name = "count", description = "Counts events.")
    static final class Count extends OfProject {
        @Mixin
        private EventFilterOptions filter = new EventFilterOptions();

        @Override
        public Integer call() {
            out().println(repository().count(project(), filter.filter()));
            return ExitCode.OK;
        }
    }

    /** Exports. */
    @Command(
            name = "export",
            description = {
                "Writes the live events of a project, or of all projects, to standard output or a file, as they are at one moment.",
                "When it fails, it says how to resume: the same command and options with --before and --resume. A file is cut to"
                        + " where that goes on."
            })
    static final class Export extends Subcommand {
        /** What it looks like. */
        enum Format {
            JSON,
            NDJSON;

            @Override
            public String toString() {
                return name().toLowerCase(Locale.ROOT);
            }
        }

        /** One or the other: nobody gets the events of all tenants for having left out an option. */
        static final class Projects {
            @Option(names = "--project", paramLabel = "ID", description = "Whose events.")
            private String project = "";

            @Option(
                    names = "--all-projects",
                    arity = "0",
                    description = "The events of all projects, one project after the other.")
            private boolean areAll;
        }

        @ArgGroup(multiplicity = "1")
        private Projects projects = new Projects();

        @Option(
                names = "--format",
                paramLabel = "FORMAT",
                description = "One of ${COMPLETION-CANDIDATES}; ${DEFAULT-VALUE} by default.")
        private Format format = Format.JSON;

        @Option(names = "--gzip", description = "Compresses it.")
        private boolean gzip;

        @Option(
                names = "--before",
                paramLabel = "INSTANT",
                description = "Only events created before it (2026-03-17T09:30:00Z); now by default.")
        private @Nullable String before;

        @Option(
                names = "--from",
                paramLabel = "INSTANT",
                description = "Only events created at it or later; from the first one on by default.")
        private @Nullable String from;

        @Option(names = "--deleted", description = "Deleted ones, too, with deleted_at.")
        private boolean deleted;

        @Option(names = "--endpoints", description = "Each event with the endpoints to which it is to be delivered.")
        private boolean endpoints;

        @Option(names = "--resume", paramLabel = "CURSOR", description = "Goes on where an export has failed.")
        private @Nullable String resume;

        @Option(names = "--file", paramLabel = "FILE", description = "Where to; standard output by default.")
        private @Nullable Path file;

        @Override
        public Integer call() throws IOException {
            Instant until = before == null
                    ? Instant.now().truncatedTo(ChronoUnit.MICROS)
                    : EventFilterOptions.instant("--before", before);
            if (resume != null && before == null) {
                throw new IllegalArgumentException("--resume must come with the --before of the export that failed");
            }
            EventRepository repository = repository();
            ExportRequest.Builder request = request(until);
            // Of how many are left, and of all projects, nobody has an index.
            long toDo = resume == null && !projects.areAll
                    ? repository.count(projects.project, request.build().filter())
                    : -1;
            ExportResult result;
            try (Progress progress = Progress.of("Exporting", "events", toDo, err())) {
                result = export(
                        repository, request.listener(new Steps(progress)::told).build());
            } catch (EventExportException e) {
                e.progress()
                        .cursor()
                        .ifPresent(cursor -> err().println("resume with --before " + until + " --resume " + cursor
                                + " after the first " + e.progress().octets() + " octets"));
                throw e;
            }
            err().println(UsageTables.grouped(result.events()) + " events, " + UsageTables.grouped(result.octets())
                    + " octets");
            return ExitCode.OK;
        }

        private ExportRequest.Builder request(Instant until) {
            ExportRequest.Builder request = projects.areAll
                    ? ExportRequest.ofAllProjects(until)
                    : ExportRequest.builder(Bounds.id("--project", projects.project), until);
            request.format(format == Format.JSON ? ExportRequest.Format.JSON : ExportRequest.Format.NDJSON)
                    .compression(gzip ? ExportRequest.Compression.GZIP : ExportRequest.Compression.NONE)
                    .state(deleted ? EventFilter.State.ANY : EventFilter.State.LIVE);
            if (from != null) {
                request.from(EventFilterOptions.instant("--from", from));
            }
            if (endpoints) {
                request.withEndpoints();
            }
            if (resume != null) {
                request.resume(resume);
            }
            return request;
        }

        private ExportResult export(EventRepository repository, ExportRequest request) throws IOException {
            return file == null ? toStandardOutput(repository, request) : toFile(repository, request, file);
        }

        /** Not by System.out, which keeps to itself that nobody listens any more; and not closed: it is the process's. */
        private static ExportResult toStandardOutput(EventRepository repository, ExportRequest request) {
            return repository.export(request, new FileOutputStream(FileDescriptor.out));
        }

        private static ExportResult toFile(EventRepository repository, ExportRequest request, Path file)
                throws IOException {
            long already = request.cursor().isPresent() ? Files.size(file) : 0;
            StandardOpenOption how =
                    request.cursor().isPresent() ? StandardOpenOption.APPEND : StandardOpenOption.TRUNCATE_EXISTING;
            try (OutputStream sink =
                    Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, how)) {
                return repository.export(request, sink);
            } catch (EventExportException e) {
                try (FileChannel cut = FileChannel.open(file, StandardOpenOption.WRITE)) {
                    cut.truncate(already + e.progress().octets());
                }
                throw e;
            }
        }
    }

    /** Work on the search index of a window, day by day. */
    private abstract static class OnWindow extends OfProject {
        @Mixin
        private EventWindowOptions window = new EventWindowOptions();

        /** Runs on each day of the window that may hold events, and returns the sum. */
        final long eachDay(String task, BiFunction<EventRepository, EventWindow, Long> work) {
            EventRepository repository = repository();
            List<EventWindow> days = new EventDays(repository, project()).in(window.window());
            long sum = 0;
            try (Progress progress = Progress.of(task, "days", days.size(), err())) {
                for (EventWindow day : days) {
                    sum += work.apply(repository, day);
                    progress.step(1);
                }
            }
            return sum;
        }
    }

    /** Makes the search index. */
    @Command(
            name = "tokenise",
            description = "Makes the live events of a window findable by --text; those that are already stay so.")
    static final class Tokenise extends OnWindow {
        @Override
        public Integer call() {
            long made = eachDay("Tokenising", (repository, day) -> repository.tokenise(project(), day));
            out().println(UsageTables.grouped(made) + " events were made findable by their text.");
            return ExitCode.OK;
        }
    }

    /** Deletes the search index. */
    @Command(
            name = "delete-tokens",
            description = "Makes the events of a window unfindable by --text; the events stay.")
    static final class DeleteTokens extends OnWindow {
        @Override
        public Integer call() {
            long deleted = eachDay("Deleting tokens", (repository, day) -> repository.deleteTokens(project(), day));
            out().println(UsageTables.grouped(deleted) + " events aren't findable by their text any more.");
            return ExitCode.OK;
        }
    }

    /** Turns how far an export is into steps. */
    private static final class Steps {
        private final Progress progress;
        private long done;

        Steps(Progress progress) {
            this.progress = progress;
        }

        void told(ExportProgress now) {
            progress.step(now.events() - done);
            done = now.events();
        }
    }
}
