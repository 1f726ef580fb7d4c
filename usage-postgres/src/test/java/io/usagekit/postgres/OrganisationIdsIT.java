package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.InMemoryUsageCache;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Columns of organisation ids whose type takes several spellings for one value, and what the calculator makes of them. */
class OrganisationIdsIT {

    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final String UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";

    private final String schema = Database.newSchema("ids");
    private final String s = Identifiers.quote(schema);

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
        Database.dropSchema(schema + "_rollups");
    }

    static Stream<Arguments> columns() {
        return Stream.of(
                Arguments.of(
                        "uuid",
                        List.of(
                                UUID,
                                UUID.toUpperCase(Locale.ROOT),
                                "{" + UUID + "}",
                                UUID.replace("-", ""),
                                "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11"),
                        List.of("a0eebc99", UUID + "0", "x" + UUID.substring(1), " " + UUID, "{" + UUID, "org-1")),
                Arguments.of(
                        "bigint",
                        List.of("42", "042", "+42", " 42", "42\t", "0000000000000000000000042"),
                        List.of("org-1", "4 2", "42.0", "9223372036854775808", "--42", "٤٢")),
                Arguments.of("integer", List.of("42", "042"), List.of("2147483648")),
                Arguments.of("smallint", List.of("-7", "-07"), List.of("32768")),
                Arguments.of(
                        "numeric",
                        List.of("42", "42.0", "042.", "4.2e1", " +42.00", "420E-1"),
                        List.of("org-1", "4,2", "1e", "4 2")),
                Arguments.of("numeric(10, 2)", List.of("0.5", ".5", "0.50", "5e-1"), List.of("half")),
                Arguments.of("char(12)", List.of("org-1", "org-1 ", "org-1       "), List.of()),
                Arguments.of("account_id", List.of(UUID, UUID.toUpperCase(Locale.ROOT)), List.of("org-1")),
                Arguments.of("text", List.of("org-1"), List.of()));
    }

    private void create(String type, String id) {
        Database.execute(
                "create schema " + s,
                "create domain " + s + ".account_id as uuid",
                "create table " + s + ".projects (id text primary key, organisation_id "
                        + (type.equals("account_id") ? s + "." : "") + type + ", deleted_at timestamptz)",
                "create table " + s + ".events (id text primary key, project_id text, raw text, data bytea,"
                        + " created_at timestamptz, deleted_at timestamptz)",
                "create table " + s + ".event_deliveries (id text primary key, project_id text, event_id text,"
                        + " status text, created_at timestamptz)",
                "insert into " + s + ".projects values ('p', '" + id + "', null)");
    }

    private List<UsageCalculator> calculators() {
        TableMapping mapping = TableMapping.gateway(schema);
        PostgresRollups rollups =
                PostgresRollups.builder(Database.pool()).mapping(mapping).build();
        rollups.install();
        return List.of(PostgresUsage.calculator(Database.pool(), mapping), rollups.calculator());
    }

    private void addEvent(int n) {
        Database.execute("insert into " + s + ".events values ('e" + n + "', 'p', 'x', null, '2026-03-10Z', null)");
    }

    private static long volume(UsageResult result) {
        return result.usage().map(OrganisationUsage::received).orElseThrow().volume();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("columns")
    void spellingsAreOneKeyAndMalformedIdsCallersErrors(String type, List<String> spellings, List<String> malformed) {
        create(type, spellings.get(0));
        int events = 0;
        List<String> incidents = new CopyOnWriteArrayList<>();
        UsageListener listener = new UsageListener() {
            @Override
            public void computationFailed(UsageKey key, Throwable error) {
                incidents.add(key + ": " + error);
            }
        };
        for (UsageCalculator calculator : calculators()) {
            try (UsageService service = UsageService.builder(calculator)
                    .cache(InMemoryUsageCache.create())
                    .listener(listener)
                    .build()) {
                for (String one : spellings) {
                    for (String other : spellings) {
                        service.get(one, MARCH);
                        events++;
                        addEvent(events);
                        service.invalidate(other, MARCH);
                        for (String id : spellings) {
                            UsageResult result = service.get(id, MARCH);
                            assertThat(volume(result))
                                    .as("%s after invalidation of %s, first read as %s", id, other, one)
                                    .isEqualTo(events);
                            assertThat(result.freshness()).isEqualTo(Freshness.FRESH);
                            assertThat(result.key().organisationId()).isEqualTo(id);
                        }
                    }
                }
                for (String id : malformed) {
                    assertThatIllegalArgumentException()
                            .as("%s of %s", id, type)
                            .isThrownBy(() -> service.get(id, MARCH))
                            .withMessageStartingWith("organisationId must be ")
                            .withMessageContaining("\"" + id + "\"");
                    assertThatIllegalArgumentException().isThrownBy(() -> service.invalidate(id));
                }
                List<String> all = new ArrayList<>(malformed);
                all.addAll(spellings);
                assertThat(service.getAll(all, MARCH).failures().keySet())
                        .extracting(UsageKey::organisationId)
                        .containsExactlyElementsOf(malformed);
            }
        }
        assertThat(incidents).isEmpty();
    }

    /** The database is the oracle: two spellings are written alike exactly if it takes them for equal. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("columns")
    void writesIdsAlikeExactlyWhereDatabaseTakesThemForEqual(
            String type, List<String> spellings, List<String> malformed) {
        create(type, spellings.get(0));
        UsageCalculator calculator = calculators().get(0);
        calculator.learnIds(PATIENCE);
        assertThat(calculator.knowsIds()).isTrue();
        List<String> ids = new ArrayList<>(spellings);
        ids.addAll(
                type.startsWith("char") || type.equals("text")
                        ? List.of("org-1", "org-10", " org-1", "Org-1", "org-1\t")
                        : type.equals("uuid") || type.equals("account_id")
                                ? List.of("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12", "00000000000000000000000000000000")
                                : List.of("0", "-0", "000", "1", "-7", "-007", "42", "420", "32767"));
        // By the type alone: char without a length would be char(1).
        String cast = "::"
                + switch (type) {
                    case "char(12)" -> "bpchar";
                    case "numeric(10, 2)" -> "numeric";
                    case "account_id" -> "uuid";
                    default -> type;
                };
        for (String one : ids) {
            String written = calculator.canonicalId(one);
            assertThat(calculator.canonicalId(written)).as("again %s", one).isEqualTo(written);
            for (String other : ids) {
                boolean areEqual = Database.query("select ?" + cast + " = ?" + cast, one, other)
                        .equals("t");
                assertThat(written.equals(calculator.canonicalId(other)))
                        .as("%s is %s", one, other)
                        .isEqualTo(areEqual);
            }
        }
    }
}
