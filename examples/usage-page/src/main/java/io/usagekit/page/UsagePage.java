package io.usagekit.page;

import gg.jte.ContentType;
import gg.jte.TemplateEngine;
import gg.jte.output.StringOutput;
import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageStorageException;
import io.usagekit.format.UsageError;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.InstantSource;
import java.time.ZoneId;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Renders what an organisation has used in a period, whatever serves it: totals beside those of the period before, days, projects, today so
 * far, how current the figures are, and the events behind a day. It decides nothing about access: check who may see the organisation of
 * {@link UsagePageRequest#organisationId()} before {@link #respond}. Thread-safe; closes nothing that it was given.
 */
public final class UsagePage {

    private static final Logger LOG = LoggerFactory.getLogger(UsagePage.class);
    private static final String HTML = "text/html; charset=utf-8";
    private static final String CSV = "text/csv; charset=utf-8";
    private static final Pattern UNFIT_FOR_FILES = Pattern.compile("[^A-Za-z0-9._-]+");

    /** Of every response: everything that the page loads comes from its own host, and it has no script or style in line. */
    private static final Map<String, String> SECURITY = Map.of(
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
                    + " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "X-Content-Type-Options",
            "nosniff",
            "Referrer-Policy",
            "no-referrer");

    private final TemplateEngine templates = TemplateEngine.createPrecompiled(
            null, ContentType.Html, UsagePage.class.getClassLoader(), UsagePage.class.getPackageName() + ".templates");

    private final UsageService usage;
    private final Optional<Details.Cache> details;
    private final Optional<DayEvents> events;
    private final StatementPage statements;
    private final String basePath;
    private final ZoneId zone;
    private final InstantSource clock;

    private UsagePage(Builder builder) {
        this.usage = builder.usage;
        this.details = builder.details.map(source -> new Details.Cache(source, builder.directory));
        this.events = builder.rows.map(rows -> new DayEvents(rows, builder.directory));
        this.basePath = builder.basePath;
        this.zone = builder.zone;
        this.clock = builder.clock;
        this.statements =
                new StatementPage(usage, details, builder.countsDeletedProjects, events.isPresent(), builder.clock);
    }

    /** Returns a builder of pages with the figures of this service. */
    public static Builder builder(UsageService usage) {
        return new Builder(usage);
    }

    /** Where the page is: {@code /usage}, and the page of an organisation at {@code /usage/ORGANISATION}. */
    public String basePath() {
        return basePath;
    }

    /** Returns the address of an organisation's page, percent-encoded. */
    public String address(String organisationId) {
        return new Links(basePath, organisationId, zone).self();
    }

    /** Responds to a request. Never throws for what the request says or for what fails: the response says so. The caller closes the body. */
    public UsagePageResponse respond(UsagePageRequest request) {
        try {
            return request.organisationId()
                    .map(organisation -> respond(organisation, request))
                    .orElseGet(() -> asset(request.resource()));
        } catch (IllegalArgumentException e) {
            return refuse(400, String.valueOf(e.getMessage()));
        } catch (RuntimeException e) {
            LOG.warn("the usage page can't respond to {}", request, e);
            return e instanceof UsageStorageException stored && stored.isTransient()
                    ? refuse(503, "The events can't be read at present; try again later")
                    : refuse(UsageError.of(e));
        }
    }

    private UsagePageResponse respond(String organisation, UsagePageRequest request) {
        UsageKey.checkOrganisationId(organisation);
        Links links = new Links(basePath, organisation, zone(request));
        return switch (request.resource()) {
            case "" -> statement(links, request);
            case Links.STATEMENT_CSV -> statementCsv(links, request);
            case Links.EVENTS ->
                events.map(known -> html(
                                200,
                                "events.jte",
                                known.view(DayEvents.Selection.of(links, request), request.parameter("cursor"))))
                        .orElseGet(this::noSuchPage);
            case Links.EVENTS_CSV ->
                events.map(known -> eventsCsv(known, DayEvents.Selection.of(links, request)))
                        .orElseGet(this::noSuchPage);
            default -> noSuchPage();
        };
    }

    private ZoneId zone(UsagePageRequest request) {
        Optional<String> id = request.parameter("zone");
        try {
            return id.map(ZoneId::of).orElse(zone);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException(
                    "zone must be one of the tz database or an offset (Asia/Kolkata, +05:30), but was '"
                            + id.orElseThrow() + "'",
                    e);
        }
    }

    private UsagePeriod period(Links links, UsagePageRequest request) {
        return request.parameter("period")
                .map(text -> UsagePeriod.parse(text, links.zone()))
                .orElseGet(() -> UsagePeriod.current(links.zone(), clock));
    }

    private UsagePageResponse statement(Links links, UsagePageRequest request) {
        StatementPage.Outcome outcome = statements.view(links, period(links, request));
        outcome.failure().ifPresent(failure -> LOG.warn("there is no figure for the usage page", failure));
        return html(
                outcome.failure()
                        .map(failure -> UsageError.of(failure).httpStatus())
                        .orElse(200),
                "statement.jte",
                outcome.view());
    }

    private UsagePageResponse statementCsv(Links links, UsagePageRequest request) {
        UsageResult result = usage.get(links.organisationId(), period(links, request));
        Optional<OrganisationUsage> figure = result.usage();
        if (figure.isEmpty()) {
            return refuse(503, "The figures are being computed; try again in a moment");
        }
        Optional<Details> parts = result.freshness() == Freshness.STALE_ON_ERROR
                ? details.flatMap(known -> known.known(figure.get(), links.zone()))
                : details.map(known -> known.of(figure.get(), links.zone()));
        if (parts.isEmpty()) {
            return refuse(503, "The projects of this period aren't known at present; try again later");
        }
        Statement statement = Statement.of(figure.get(), parts.get());
        return response(
                200,
                download("usage", links, figure.get().period().label()),
                UsagePageResponse.body(StatementCsv.of(statement, links.zone())));
    }

    private UsagePageResponse eventsCsv(DayEvents known, DayEvents.Selection selection) {
        return response(
                200,
                download(selection.side(), selection.links(), selection.day().toString()),
                StoredBody.of(sink -> known.export(selection, sink)));
    }

    private static Map<String, String> download(String what, Links links, String period) {
        String name = UNFIT_FOR_FILES
                .matcher(what + "-" + links.organisationId() + "-" + period)
                .replaceAll("_");
        return Map.of(
                "Content-Type",
                CSV,
                "Content-Disposition",
                "attachment; filename=\"" + name + ".csv\"",
                "Cache-Control",
                "no-store");
    }

    private UsagePageResponse asset(String name) {
        Optional<Assets.Asset> asset = Assets.named(name);
        return asset.isEmpty()
                ? noSuchPage()
                : response(
                        200,
                        Map.of("Content-Type", asset.get().type(), "Cache-Control", "public, max-age=3600"),
                        asset.get().body());
    }

    private UsagePageResponse noSuchPage() {
        return refuse(404, "There is no such page");
    }

    /** Returns a page that says why there is nothing else, for what the host refuses itself. */
    public UsagePageResponse refuse(int status, String message) {
        return html(status, "refusal.jte", new Refusal(basePath, status, message));
    }

    private UsagePageResponse refuse(UsageError error) {
        return refuse(error.httpStatus(), error.message());
    }

    /** A page that says why there is nothing else. */
    public record Refusal(String basePath, int status, String message) {

        /** What the status means. */
        public String heading() {
            return switch (status) {
                case 400 -> "This address isn't right";
                case 403 -> "This isn't yours to see";
                case 404 -> "Nothing is here";
                case 405 -> "This method isn't known";
                default -> "The usage can't be shown at present";
            };
        }
    }

    private UsagePageResponse html(int status, String template, Object view) {
        StringOutput output = new StringOutput();
        templates.render(template, view, output);
        Map<String, String> headers = new HashMap<>(Map.of("Content-Type", HTML, "Cache-Control", "no-store"));
        if (status == 503) {
            headers.put("Retry-After", "15");
        }
        return response(
                status, headers, UsagePageResponse.body(output.toString().getBytes(StandardCharsets.UTF_8)));
    }

    private static UsagePageResponse response(int status, Map<String, String> headers, UsagePageResponse.Body body) {
        Map<String, String> all = new HashMap<>(SECURITY);
        all.putAll(headers);
        return new UsagePageResponse(status, all, body);
    }

    /** Builds. Not thread-safe. */
    public static final class Builder {
        private final UsageService usage;
        private Optional<UsageDetails> details = Optional.empty();
        private Optional<UsageRows> rows = Optional.empty();
        private ProjectDirectory directory = organisation -> List.of();
        private boolean countsDeletedProjects;
        private String basePath = "/usage";
        private ZoneId zone = ZoneId.of("UTC");
        private InstantSource clock = InstantSource.system();

        private Builder(UsageService usage) {
            this.usage = Objects.requireNonNull(usage, "usage");
        }

        /** Source of days and projects; without it the page shows totals only. */
        public Builder details(UsageDetails details) {
            this.details = Optional.of(details);
            return this;
        }

        /** Source of the events behind a day; without it days lead nowhere. */
        public Builder rows(UsageRows rows) {
            this.rows = Optional.of(rows);
            return this;
        }

        /** Source of projects' names; without it projects are shown by their ids. */
        public Builder projects(ProjectDirectory directory) {
            this.directory = Objects.requireNonNull(directory, "directory");
            return this;
        }

        /** Whether the calculator counts soft-deleted projects, as the page then says; false by default. */
        public Builder countDeletedProjects(boolean count) {
            this.countsDeletedProjects = count;
            return this;
        }

        /** Where the page is; {@code /usage} by default. It begins with a slash and doesn't end with one. */
        public Builder basePath(String basePath) {
            this.basePath = Objects.requireNonNull(basePath, "basePath");
            return this;
        }

        /** The zone of days and months where a request names none; UTC by default. */
        public Builder zone(ZoneId zone) {
            this.zone = Objects.requireNonNull(zone, "zone");
            return this;
        }

        /** The clock that says which day is today; the system's by default. */
        public Builder clock(InstantSource clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /**
         * Checks and builds.
         *
         * @throws IllegalArgumentException if the base path isn't one
         */
        public UsagePage build() {
            if (!basePath.matches("(/[A-Za-z0-9._~-]+)+")) {
                throw new IllegalArgumentException(
                        "basePath must be like /usage, of letters, digits and . _ ~ - between slashes, but was '"
                                + basePath + "'");
            }
            return new UsagePage(this);
        }
    }
}
