package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Layout;
import io.usagekit.postgres.testing.RandomRows;
import io.usagekit.postgres.testing.Sample;
import io.usagekit.postgres.testing.SourceTables;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.function.ToLongFunction;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The combined query equals the sum of the raw rows to the byte, in every layout; flaws in it make a test fail. */
class CombinedQueryOracleIT {

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int EVENTS = 500;

    private List<UsagePeriod> windows;
    private RandomRows rows;
    private long seed;

    @BeforeEach
    void generate(TestInfo test) {
        seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("CombinedQueryOracleIT " + test.getDisplayName() + ": -Dusagekit.seed=" + seed);
        Random random = new Random(seed);
        windows = RandomRows.windows(random);
        rows = RandomRows.generate(random, windows, EVENTS);
    }

    static Stream<Layout> layouts() {
        return Sample.of(List.of(Layout.values()), 6);
    }

    @ParameterizedTest
    @MethodSource("layouts")
    void equalsTheSumOfTheRawRows(Layout layout) {
        String schema = create(layout);
        ToLongFunction<RandomRows.Event> octets = layout.octets(schema);
        TableMapping mapping = layout.mapping(schema);
        UsageCalculator calculator = PostgresUsage.calculator(Database.pool(), mapping);
        boolean somethingSent = false;
        for (String organisation : rows.organisations()) {
            for (UsagePeriod window : windows) {
                CombinedQuery.Totals expected = expected(layout, organisation, window, mapping, octets);
                OrganisationUsage usage = calculator.calculate(new UsageKey(organisation, window), PATIENCE);
                assertThat(new CombinedQuery.Totals(usage.received(), usage.sent()))
                        .as("%s, %s in %s, seed %s", layout, organisation, window, seed)
                        .isEqualTo(expected);
                somethingSent |= expected.sent().bytes() > 0;
            }
        }
        assertBatchEquals(calculator, layout);
        assertThat(somethingSent)
                .as("the rows, seed %s, have something to count", seed)
                .isTrue();
        Database.dropSchema(schema);
    }

    /** All organisations in all windows by one statement, and one organisation that there isn't. */
    private void assertBatchEquals(UsageCalculator calculator, Layout layout) {
        List<UsageKey> keys = new ArrayList<>();
        for (UsagePeriod window : windows) {
            rows.organisations().forEach(organisation -> keys.add(new UsageKey(organisation, window)));
        }
        keys.add(new UsageKey("org-unknown", windows.get(0)));
        Collections.shuffle(keys, new Random(seed));
        UsageCalculator.Figures batch = calculator.calculateAll(keys, PATIENCE);
        assertThat(batch.failures()).as("%s, seed %s", layout, seed).isEmpty();
        assertThat(batch.figures()).hasSize(keys.size());
        for (UsageKey key : keys) {
            OrganisationUsage alone = calculator.calculate(key, PATIENCE);
            OrganisationUsage together = Objects.requireNonNull(batch.figures().get(key));
            assertThat(List.of(together.received(), together.sent()))
                    .as("%s of %s in a batch, seed %s", key, layout, seed)
                    .isEqualTo(List.of(alone.received(), alone.sent()));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Layout.class,
            names = {"GATEWAY", "OWN"})
    void countsDeletedProjectsWhereAsked(Layout layout) {
        String schema = create(layout);
        UsageCalculator calculator = PostgresUsage.builder(Database.pool())
                .mapping(layout.mapping(schema))
                .countDeletedProjects(true)
                .build();
        for (String organisation : rows.organisations()) {
            for (UsagePeriod window : windows) {
                OrganisationUsage usage = calculator.calculate(new UsageKey(organisation, window), PATIENCE);
                assertThat(new CombinedQuery.Totals(usage.received(), usage.sent()))
                        .as("%s, %s in %s, seed %s", layout, organisation, window, seed)
                        .isEqualTo(rows.totals(
                                organisation, window, List.of("Success"), ProjectScope.ALL, RandomRows::rawAndData));
            }
        }
        Database.dropSchema(schema);
    }

    /** The negative controls: each of these flaws makes some figure of these rows wrong. */
    @Tag("thorough")
    @ParameterizedTest(name = "{0} for {1}")
    @CsvSource(
            delimiter = '|',
            value = {
                "e.\"created_at\" <= ?          | e.\"created_at\" < ?",
                "d.\"created_at\" <= ?          | d.\"created_at\" < ?",
                "e.\"created_at\" > ?           | e.\"created_at\" >= ?",
                "d.\"created_at\" > ?           | d.\"created_at\" >= ?",
                "length(e.\"raw\")              | octet_length(e.\"raw\")",
                "octet_length(e.\"data\"::text) | octet_length(e.\"data\")",
                "true                           | e.\"deleted_at\" is null",
                "true                           | p.\"deleted_at\" is null",
                "d.\"status\" is not null       | d.\"status\" in ('Success')",
                "lower(d.\"status\") in ('success') | d.\"status\" in ('Success')",
                "join                           | left join",
                "true                           | not in_window",
                "true                           | p.\"organisation_id\" = ?::varchar",
            })
    void catchesAChangedStatement(String flaw, String right) throws SQLException {
        String schema = create(Layout.GATEWAY);
        TableMapping mapping = Layout.GATEWAY.mapping(schema);
        UnaryOperator<String> flawed = sql -> sql.replace(right, flaw);
        int wrong = 0;
        try (Connection connection = Database.pool().getConnection()) {
            String sql = CombinedQuery.over(TableShape.read(connection, mapping), ProjectScope.ALIVE)
                    .sql()
                    .replace("\"organisation_id\" = ?", "\"organisation_id\" = ?::varchar");
            assertThat(flawed.apply(sql)).as("the flaw is in the statement").isNotEqualTo(sql);
            for (String organisation : rows.organisations()) {
                for (UsagePeriod window : windows) {
                    CombinedQuery.Totals expected =
                            expected(Layout.GATEWAY, organisation, window, mapping, RandomRows::rawAndData);
                    assertThat(run(connection, sql, organisation, window))
                            .as("the statement itself, seed %s", seed)
                            .isEqualTo(asText(expected));
                    wrong += run(connection, flawed.apply(sql), organisation, window)
                                    .equals(asText(expected))
                            ? 0
                            : 1;
                }
            }
        }
        assertThat(wrong)
                .as("figures that are wrong because of the flaw, seed %s", seed)
                .isPositive();
        Database.dropSchema(schema);
    }

    private String create(Layout layout) {
        String schema = Database.newSchema("oracle");
        SourceTables.write(schema, rows);
        layout.create(schema);
        return schema;
    }

    private CombinedQuery.Totals expected(
            Layout layout,
            String organisation,
            UsagePeriod window,
            TableMapping mapping,
            ToLongFunction<RandomRows.Event> octets) {
        // Where nothing can be marked as deleted, what was deleted isn't there.
        RandomRows present = layout == Layout.PARTITIONED ? rows.withEventsOfDeletedElsewhere() : rows;
        return present.totals(
                organisation, window, List.copyOf(mapping.deliveredStatuses()), ProjectScope.ALIVE, octets);
    }

    private static String run(Connection connection, String sql, String organisation, UsagePeriod window)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            int index = 1;
            if (sql.contains("?::varchar")) {
                statement.setString(index++, organisation);
            }
            while (index <= statement.getParameterMetaData().getParameterCount()) {
                statement.setObject(index++, window.start().atOffset(ZoneOffset.UTC));
                statement.setObject(index++, window.end().atOffset(ZoneOffset.UTC));
            }
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return row.getLong(1) + " " + row.getLong(2) + " " + row.getLong(3) + " " + row.getLong(4);
            }
        }
    }

    private static String asText(CombinedQuery.Totals totals) {
        return totals.received().volume() + " " + totals.received().bytes() + " "
                + totals.sent().volume() + " " + totals.sent().bytes();
    }
}
