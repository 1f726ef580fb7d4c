package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.time.Duration;
import java.time.YearMonth;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A mapping that doesn't fit fails with a message that names the table and column; repaired tables need no restart. */
class MappingErrorsIT {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private static String schema;
    private static String s;

    @BeforeAll
    static void create() {
        schema = Database.newSchema("mapping");
        s = Identifiers.quote(schema);
        Database.execute(
                "create schema " + s,
                "create domain " + s + ".payload as text",
                "create table " + s + ".projects (id varchar, organisation_id varchar, deleted_at timestamptz)",
                "create table " + s + ".events (id varchar, project_id varchar, raw " + s
                        + ".payload, data bytea, n integer, size bigint, created_at timestamptz, local_at timestamp, deleted_at timestamptz)",
                "create table " + s
                        + ".event_deliveries (id varchar, project_id varchar, event_id varchar, status text, created_at timestamptz)",
                "insert into " + s + ".projects values ('p', 'org-123', null)",
                "insert into " + s + ".events values ('e', 'p', 'é', 'ab', 1, null, '2026-03-01Z', '2026-03-01', null)",
                "insert into " + s + ".event_deliveries values ('d', 'p', 'e', 'Success', '2026-03-02Z')",
                "insert into " + s + ".event_deliveries values ('d2', 'p', 'gone', 'Success', '2026-03-02Z')");
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    @Test
    void namesASchemaThatIsMissing() {
        assertFails(mapping -> mapping.schema("no such"), "there is no schema \"no such\"");
    }

    @Test
    void namesATableThatIsMissing() {
        assertFails(
                mapping -> mapping.deliveries("sent"), "there is no table " + s + ".\"sent\" (mapped as deliveries)");
    }

    @Test
    void namesAColumnThatIsMissingAndThoseThatExist() {
        assertFails(
                mapping -> mapping.payload("raw", "body"),
                "the table \"events\" has no column \"body\" (mapped as payload); it has id, project_id, raw, data");
        assertFails(mapping -> mapping.eventDeletedAt("gone"), "has no column \"gone\" (mapped as eventDeletedAt)");
        assertFails(mapping -> mapping.deliveryStatus("state"), "has no column \"state\" (mapped as deliveryStatus)");
    }

    @Test
    void rejectsATimeWithoutAZone() {
        assertFails(
                mapping -> mapping.eventCreatedAt("local_at"),
                "the column \"local_at\" of \"events\" (mapped as eventCreatedAt) must be timestamp with time zone",
                "but is timestamp without time zone; if it holds times in UTC, map timestampsIn(ZoneOffset.UTC)");
    }

    @Test
    void rejectsAPayloadWithoutOctets() {
        assertFails(
                mapping -> mapping.payload("raw", "n"),
                "the column \"n\" of \"events\" (mapped as payload) must be text");
        assertFails(mapping -> mapping.storedBytes("raw"), "(mapped as storedBytes) must be smallint", "but is text");
    }

    @Test
    void failsWhereASizeIsNeitherStoredNorMeasurable() {
        assertFails(
                mapping -> mapping.payload().storedBytes("size"),
                "2 rows of \"org-123\" in 2026-03 have no size",
                "\"size\" is null");
    }

    @Test
    void countsADeliveryWithoutBytesWhenItsEventIsDeleted() {
        UsageCalculator calculator = PostgresUsage.calculator(Database.pool(), TableMapping.gateway(schema));
        assertThat(calculator.calculate(KEY, PATIENCE).sent()).isEqualTo(new UsageMetrics(2, 4));
        assertThat(calculator.calculate(KEY, PATIENCE).unmeasured())
                .as("the figure says so")
                .isEqualTo(1);
    }

    @Test
    void failsWhenASumExceedsBigint() {
        Database.execute(
                "create table " + s + ".huge (like " + s + ".events)",
                "insert into " + s
                        + ".huge select 'h' || n, 'p', null, null, 1, 9223372036854775807, '2026-03-01Z', null, null"
                        + " from generate_series(1, 2) n");
        assertFails(mapping -> mapping.events("huge").payload().storedBytes("size"), "bigint out of range");
    }

    @Test
    void readsTheTablesAgainWhenTheyHaveChanged() {
        Database.execute(
                "create table " + s + ".moving (like " + s + ".events)",
                "insert into " + s + ".moving select * from " + s + ".events");
        UsageCalculator calculator = PostgresUsage.calculator(
                Database.pool(),
                TableMapping.gateway(schema).toBuilder().events("moving").build());
        assertThat(calculator.calculate(KEY, PATIENCE).received()).isEqualTo(new UsageMetrics(1, 4));

        Database.execute("alter table " + s + ".moving rename column raw to body");
        assertThatThrownBy(() -> calculator.calculate(KEY, PATIENCE)).isInstanceOf(UsageCalculationException.class);
        assertThatThrownBy(() -> calculator.calculate(KEY, PATIENCE))
                .hasMessageContaining("has no column \"raw\" (mapped as payload)");

        Database.execute(
                "alter table " + s + ".moving rename column body to raw",
                "alter table " + s + ".moving alter column raw type json using to_json(raw)");
        assertThat(calculator.calculate(KEY, PATIENCE).received())
                .as("the payload is a JSON document now: \"é\" with its quotes")
                .isEqualTo(new UsageMetrics(1, 6));
    }

    @Test
    void noticesThatAStoredSizeLostNotNull() {
        Database.execute(
                "create table " + s + ".sized (like " + s + ".events)",
                "alter table " + s + ".sized alter column size set not null",
                "insert into " + s + ".sized values ('e', 'p', 'é', 'ab', 1, 4, '2026-03-01Z', '2026-03-01', null)");
        for (String id : List.of("one by one", "together")) {
            UsageCalculator calculator = PostgresUsage.calculator(
                    Database.pool(),
                    TableMapping.gateway(schema).toBuilder()
                            .events("sized")
                            .storedBytes("size")
                            .build());
            assertThat(calculator.calculate(KEY, PATIENCE).received()).isEqualTo(new UsageMetrics(1, 4));
            Database.execute(
                    "alter table " + s + ".sized alter column size drop not null",
                    "update " + s + ".sized set size = null");
            assertThat(
                            id.equals("together")
                                    ? calculator
                                            .calculateAll(List.of(KEY), PATIENCE)
                                            .figures()
                                            .get(KEY)
                                    : calculator.calculate(KEY, PATIENCE))
                    .as(id)
                    .extracting(OrganisationUsage::received)
                    .isEqualTo(new UsageMetrics(1, 4));
            Database.execute(
                    "update " + s + ".sized set size = 4",
                    "alter table " + s + ".sized alter column size set not null");
        }
    }

    @Test
    void discoversWhichShippedMappingFits() {
        assertThat(PostgresUsage.discover(Database.pool(), schema).storedBytes())
                .isEmpty();
        String own = Database.newSchema("own");
        PostgresUsage.install(Database.pool(), own);
        assertThat(PostgresUsage.discover(Database.pool(), own).storedBytes()).contains("payload_bytes");
        Database.dropSchema(own);
        assertThatThrownBy(() -> PostgresUsage.discover(Database.pool(), own))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("there is no schema");
    }

    @Test
    void discoversStoredSizesAndTheOnlySchemaThatHasThem() {
        TableMapping gateway = PostgresUsage.discover(Database.pool(), schema);
        assertThat(gateway.payloadStoredBytes()).isEmpty();
        assertThat(gateway.deliveryStoredBytes()).isEmpty();
        String other = Database.newSchema("sized");
        Database.execute(
                "create schema " + Identifiers.quote(other),
                "create table " + Identifiers.quote(other) + ".projects (like " + s + ".projects)",
                "create table " + Identifiers.quote(other)
                        + ".events (id varchar, project_id varchar, raw text, data bytea, raw_bytes text, data_bytes numeric, created_at timestamptz, deleted_at timestamptz)",
                "create table " + Identifiers.quote(other) + ".event_deliveries (like " + s
                        + ".event_deliveries, event_bytes smallint)");
        TableMapping sized = PostgresUsage.discover(Database.pool(), other);
        assertThat(sized.payloadStoredBytes())
                .as("raw_bytes is no number")
                .containsExactly(Map.entry("data", "data_bytes"));
        assertThat(sized.deliveryStoredBytes()).contains("event_bytes");
        assertThat(sized.detectsStoredBytes()).isFalse();
        assertThatThrownBy(() -> PostgresUsage.discover(Database.pool()))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("these do: ")
                .hasMessageContaining(other)
                .hasMessageContaining("name the schema");
        Database.dropSchema(other);
    }

    private static void assertFails(UnaryOperator<TableMapping.Builder> change, String... words) {
        UsageCalculator calculator = PostgresUsage.calculator(
                Database.pool(),
                change.apply(TableMapping.gateway(schema).toBuilder()).build());
        assertThatThrownBy(() -> calculator.calculate(KEY, PATIENCE))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContainingAll(words);
    }
}
