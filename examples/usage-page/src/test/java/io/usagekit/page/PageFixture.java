package io.usagekit.page;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.MissPolicy;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.UsageStorageException;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.rows.ReceivedRow;
import io.usagekit.postgres.rows.RetainedUsage;
import io.usagekit.postgres.rows.RowPage;
import io.usagekit.postgres.rows.SentRow;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.reports.UsageSeriesPoint;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;

/** A page over figures in memory, at noon of 17 March 2026 until the clock is advanced. */
final class PageFixture implements AutoCloseable {

    static final String ORGANISATION = "org-1";

    /** Something that a project received or sent. */
    private record Fact(String project, Instant at, UsageMetrics received, UsageMetrics sent) {}

    final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");

    /** Is stopped and taken down, and counts. */
    final InMemoryUsageCalculator database = InMemoryUsageCalculator.create(clock);

    final InMemoryUsageCache cache = InMemoryUsageCache.create(clock);
    final UsageService usage;
    final UsagePage page;

    private final List<Fact> facts = new CopyOnWriteArrayList<>();
    private final Map<String, ProjectDirectory.Project> projects = new ConcurrentHashMap<>();
    private final AtomicInteger detailCalls = new AtomicInteger();
    private volatile boolean detailsDown;
    private volatile long unmeasured;

    private PageFixture(MissPolicy missPolicy, boolean countDeletedProjects) {
        usage = UsageService.builder(calculator())
                .cache(cache)
                .clock(clock)
                .ticker(clock.ticker())
                .refreshAfter(Duration.ofMinutes(5))
                .refreshJitterPercent(0)
                .ttl(Duration.ofMinutes(30))
                .staleIfError(Duration.ofHours(12))
                .missPolicy(missPolicy)
                .build();
        page = UsagePage.builder(usage)
                .details(details())
                .rows(rows())
                .projects(organisation -> List.copyOf(new TreeMap<>(projects).values()))
                .countDeletedProjects(countDeletedProjects)
                .clock(clock)
                .build();
    }

    /** Callers wait for figures that aren't cached. */
    static PageFixture create() {
        return new PageFixture(MissPolicy.await(), false);
    }

    /** Callers don't wait for figures that aren't cached. */
    static PageFixture pending() {
        return new PageFixture(MissPolicy.pending(), false);
    }

    /** Soft-deleted projects count. */
    static PageFixture countingDeletedProjects() {
        return new PageFixture(MissPolicy.await(), true);
    }

    PageFixture project(String id, String name) {
        projects.put(id, new ProjectDirectory.Project(id, name, false));
        return this;
    }

    PageFixture deletedProject(String id, String name) {
        projects.put(id, new ProjectDirectory.Project(id, name, true));
        return this;
    }

    PageFixture received(String project, String at, long bytes) {
        return received(project, Instant.parse(at), 1, bytes);
    }

    PageFixture received(String project, Instant at, long volume, long bytes) {
        facts.add(new Fact(project, at, new UsageMetrics(volume, bytes), UsageMetrics.ZERO));
        return this;
    }

    PageFixture sent(String project, String at, long bytes) {
        return sent(project, Instant.parse(at), 1, bytes);
    }

    PageFixture sent(String project, Instant at, long volume, long bytes) {
        facts.add(new Fact(project, at, UsageMetrics.ZERO, new UsageMetrics(volume, bytes)));
        return this;
    }

    /** Two projects with what they received and sent in February and March. */
    void loadMarch() {
        project("p-1", "Orders")
                .project("p-2", "")
                .received("p-1", "2026-03-01T00:00:00Z", 1_500)
                .received("p-1", "2026-03-17T10:00:00Z", 500)
                .received("p-2", "2026-03-16T23:30:00Z", 1_000_000)
                .sent("p-1", "2026-03-17T11:00:00Z", 2_000)
                .received("p-1", "2026-02-28T23:59:59Z", 7);
    }

    PageFixture unmeasured(long rows) {
        unmeasured = rows;
        return this;
    }

    void takeDetailsDown() {
        detailsDown = true;
    }

    /** Computes the month, yesterday's page of it, and today, so that they are cached. */
    void compute() {
        UsagePeriod month = UsagePeriod.parse("2026-03", ZoneId.of("UTC"));
        for (UsagePeriod period : List.of(month, month.previous(), UsagePeriod.parse("2026-03-17"))) {
            usage.refresh(ORGANISATION, period);
        }
    }

    private Predicate<Fact> counts(UsageKey key) {
        return fact -> key.organisationId().equals(ORGANISATION) && key.period().contains(fact.at());
    }

    private static UsageMetrics sum(List<Fact> facts, Function<Fact, UsageMetrics> side) {
        return facts.stream().map(side).reduce(UsageMetrics.ZERO, UsageMetrics::plus);
    }

    private UsageCalculator calculator() {
        return (key, timeout) -> {
            OrganisationUsage empty = database.calculate(key, timeout); // waits or fails as it was told to
            List<Fact> counted = facts.stream().filter(counts(key)).toList();
            return new OrganisationUsage(
                    key, sum(counted, Fact::received), sum(counted, Fact::sent), empty.createdAt(), unmeasured);
        };
    }

    private UsageDetails details() {
        return new UsageDetails() {
            @Override
            public List<UsageSeriesPoint> byDay(UsageKey key, ZoneId zone) {
                detailCalls.incrementAndGet();
                checkUp();
                List<UsageSeriesPoint> points = new ArrayList<>();
                Instant start = key.period().start();
                while (start.isBefore(key.period().end())) {
                    LocalDate day = LocalDate.ofInstant(start, zone);
                    Instant end = day.plusDays(1).atStartOfDay(zone).toInstant();
                    Instant first = start;
                    List<Fact> counted = facts.stream()
                            .filter(counts(key))
                            .filter(fact ->
                                    !fact.at().isBefore(first) && fact.at().isBefore(end))
                            .toList();
                    points.add(
                            new UsageSeriesPoint(start, end, sum(counted, Fact::received), sum(counted, Fact::sent)));
                    start = end;
                }
                return points;
            }

            @Override
            public List<ProjectUsage> byProject(UsageKey key) {
                checkUp();
                Map<String, List<Fact>> byProject = facts.stream()
                        .filter(counts(key))
                        .collect(Collectors.groupingBy(Fact::project, TreeMap::new, Collectors.toList()));
                return byProject.entrySet().stream()
                        .map(entry -> new ProjectUsage(
                                entry.getKey(),
                                sum(entry.getValue(), Fact::received),
                                sum(entry.getValue(), Fact::sent)))
                        .toList();
            }
        };
    }

    /** How often days or projects have been computed. */
    int detailCalls() {
        return detailCalls.get();
    }

    private void checkUp() {
        if (detailsDown) {
            throw new UsageStorageException("the details were taken down", null);
        }
    }

    private UsageRows rows() {
        return new UsageRows() {
            @Override
            public RowPage<ReceivedRow> received(UsageKey key, PageRequest request) {
                return page(
                        all(key, fact -> fact.received().volume() > 0),
                        request,
                        fact -> new ReceivedRow(
                                "event-" + fact.at(),
                                fact.project(),
                                fact.at(),
                                OptionalLong.of(fact.received().bytes())));
            }

            @Override
            public RowPage<SentRow> sent(UsageKey key, PageRequest request) {
                return page(
                        all(key, fact -> fact.sent().volume() > 0),
                        request,
                        fact -> new SentRow(
                                "delivery-" + fact.at(),
                                fact.project(),
                                Optional.empty(),
                                fact.at(),
                                OptionalLong.empty()));
            }

            @Override
            public void exportReceived(UsageKey key, OutputStream sink) {
                write(all(key, fact -> fact.received().volume() > 0), sink);
            }

            @Override
            public void exportSent(UsageKey key, OutputStream sink) {
                write(all(key, fact -> fact.sent().volume() > 0), sink);
            }
        };
    }

    private List<Fact> all(UsageKey key, Predicate<Fact> side) {
        checkUp();
        return facts.stream().filter(counts(key)).filter(side).toList();
    }

    private static <T> RowPage<T> page(List<Fact> all, PageRequest request, Function<Fact, T> row) {
        int from = request.cursor().map(Integer::parseInt).orElse(0);
        int to = Math.min(from + request.size(), all.size());
        return new RowPage<>(
                all.subList(from, to).stream().map(row).toList(),
                to < all.size() ? Optional.of(Integer.toString(to)) : Optional.empty(),
                from > 0 ? Optional.of(Integer.toString(Math.max(from - request.size(), 0))) : Optional.empty(),
                RetainedUsage.NONE);
    }

    private void write(List<Fact> all, OutputStream sink) {
        try {
            for (Fact fact : all) {
                sink.write((fact.at() + "," + fact.project() + "\r\n").getBytes(StandardCharsets.UTF_8));
                checkUp();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the page responds at this address below {@code /usage/org-1}. */
    UsagePageResponse get(String address) {
        return at("/usage/" + ORGANISATION + address);
    }

    /** What the page responds at this address. */
    UsagePageResponse at(String address) {
        int query = address.indexOf('?');
        String path = query < 0 ? address : address.substring(0, query);
        return UsagePageRequest.parse("/usage", path, query < 0 ? null : address.substring(query + 1))
                .map(page::respond)
                .orElseThrow(() -> new AssertionError("not an address of the page: " + address));
    }

    /** The page of March 2026. */
    Document march() {
        return html(get("?period=2026-03"));
    }

    static Document html(UsagePageResponse response) {
        return Jsoup.parse(text(response));
    }

    static String text(Document page, String selector) {
        Element element = page.selectFirst(selector);
        assertThat(element).as("element %s of\n%s", selector, page).isNotNull();
        return element == null ? "" : element.text();
    }

    /** The rows of a table, each as the texts of its cells between bars. */
    static List<String> rows(Document page, String table) {
        return page.select("#" + table + " tr").stream()
                .map(row -> String.join(" | ", row.children().eachText()))
                .toList();
    }

    static String text(UsagePageResponse response) {
        try (UsagePageResponse.Body body = response.body()) {
            ByteArrayOutputStream octets = new ByteArrayOutputStream();
            body.writeTo(octets);
            return octets.toString(StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        database.comeBack();
        usage.close();
    }
}
