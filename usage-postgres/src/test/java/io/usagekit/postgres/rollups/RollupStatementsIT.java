package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.rollups.internal.FeedNames;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.StatementsIT;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The statements of roll-ups. */
class RollupStatementsIT extends StatementsIT {

    private static RollupFixture fixture;
    private static Map<String, String> combinedQuery;
    private static Map<String, String> nearCombinedQuery;
    private SqlSource source = RollupSql.SOURCE;

    @BeforeAll
    static void install() throws SQLException {
        fixture = RollupFixture.tables(Database.pool(), Database.newSchema("statements"));
        fixture.rollups.install();
        fixture.rollups.feed().install();
        fixture.run(
                "create table {s}.foreign_key (role text, schema text, referencing text, name text, definition text)");
        try (Connection connection = Database.pool().getConnection()) {
            TableShape shape = TableShape.read(connection, fixture.mapping);
            combinedQuery = CombinedQuery.texts(shape);
            nearCombinedQuery = CombinedQuery.nearTexts(shape);
        }
    }

    @AfterAll
    static void drop() {
        fixture.rollups.feed().uninstall();
        fixture.close();
    }

    @Override
    protected String folder() {
        return "rollups";
    }

    @Override
    protected Set<String> files() {
        return Set.of(
                "read.sql", "feed.sql", "maintain.sql", "retain.sql", "dependants.sql", "catalog.sql", "verify.sql");
    }

    @Override
    protected Set<String> wholeScripts() {
        return Set.of(
                "schema-create.sql",
                "schema-feed.sql",
                "schema-V4.sql",
                "schema-V4-triggers.sql",
                "schema-V4-mark.sql",
                "schema-V4-request-reset.sql",
                "schema-partition.sql");
    }

    @Override
    protected SqlStatements statements() {
        try {
            RollupSql sql = fixture.sql(source);
            return sql.counting(ProjectScope.ALIVE)
                    .with(Map.of("partition", sql.table("events"), "state_schema", Identifiers.quote(fixture.schema)));
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    @Override
    protected List<Map<String, String>> variants(String statement) {
        return switch (statement) {
            case "combined-figure" -> List.of(combinedQuery);
            case "combined-figures-and-retained" -> List.of(combinedQuery, nearCombinedQuery);
            case "figures" ->
                List.of(
                        RollupSql.with(combinedQuery, RollupFigureQuery.bulkFragments(true)),
                        RollupSql.with(combinedQuery, RollupFigureQuery.bulkFragments(false)));
            case "figure" -> List.of(Map.of(), FeedNames.LEAVING_SHIPPED);
            case "shipped-months" ->
                List.of(
                        Map.of("months-after", "true"),
                        Map.of("months-after", "{months-after-place}"),
                        Map.of("months-after", "{month-of-place}"));
            case "live-figure" ->
                List.of(
                        RollupFigureQuery.fragments(EnumSet.noneOf(RollupFigureQuery.Part.class)),
                        RollupSql.with(
                                FeedNames.LEAVING_SHIPPED,
                                RollupFigureQuery.fragments(EnumSet.noneOf(RollupFigureQuery.Part.class))),
                        RollupFigureQuery.fragments(EnumSet.of(RollupFigureQuery.Part.LOOKED_UP)),
                        RollupFigureQuery.fragments(
                                EnumSet.complementOf(EnumSet.of(RollupFigureQuery.Part.LOOKED_UP))));
            case "chunks" -> List.of(Map.of("by-project", "true"));
            case "choose-history" ->
                List.of(Map.of("events-in-chunk", "{event-of-chunk}", "deliveries-in-chunk", "{delivery-of-chunk}"));
            case "roll" -> List.of(RollupChunk.WHOLE, RollupChunk.EVERYWHERE);
            case "next-slice" -> List.of(RollupVerifier.ROLLED, RollupVerifier.rolledOrRaw(true, true));
            case "drifts" ->
                List.of(
                        RollupVerifier.EVERYWHERE,
                        Map.of(
                                "events-near", "{event-of-days}",
                                "event-is-missing", "{event-of-delivery-is-missing}",
                                "late-hours", ""));
            case "delete-deliveries", "delete-uncounted-deliveries", "delete-events" ->
                List.of(
                        RollupChunk.RETENTION_OF_PROJECT,
                        RollupSql.with(
                                Map.of(
                                        "events-in-chunk",
                                        "{event-of-chunk}",
                                        "deliveries-in-chunk",
                                        "{delivery-of-chunk}"),
                                Map.of(
                                        "deliveries-of-part", "{deliveries-of-any-project}",
                                        "events-of-part", "{events-of-any-project}",
                                        "events-filled", "{event-is-filled}",
                                        "deliveries-filled", "{delivery-is-filled}")));
            case "doubt" ->
                List.of(
                        RollupSql.with(Map.of("organisation.retained", RollupSql.RETAINED_OF_ONE), RollupSql.SAMPLES),
                        RollupSql.with(
                                Map.of("organisation.retained", RollupSql.ALL_ORGANISATIONS), RollupSql.SAMPLES));
            case "are-written-back" ->
                List.of(
                        RetainedDoubt.Quarters.LIVE.fragments(true),
                        RetainedDoubt.Quarters.ALL.fragments(true),
                        RetainedDoubt.Quarters.LIVE.fragments(false));
            case "are-ranges-written-back" -> List.of(RollupChunk.WHOLE);
            case "series" ->
                List.of(
                        RollupSql.seriesFragments(RollupSql.OF_ONE, true),
                        RollupSql.seriesFragments(RollupSql.OF_ALL, false),
                        RollupSql.with(
                                RollupSql.seriesFragments(RollupSql.OF_ALL, true),
                                FeedNames.LEAVING_SHIPPED_OF_SLICES));
            case "mark-deliveries" -> List.of(Map.of("partition", "{deliveries}"));
            case "common-type" -> List.of(Map.of("nulls", "null::text, null::varchar"));
            default -> super.variants(statement);
        };
    }

    @Override
    protected Map<String, Map<String, String>> namedScripts() {
        return Map.of(
                "convert-retained",
                Map.of("column", "project_id", "definition", "text collate \"C\"", "type", "text"),
                "convert-samples",
                Map.of("column", "event_id", "definition", "text collate \"C\"", "type", "text"),
                "add-samples",
                Map.of("definition", "text"),
                "take-retained",
                Map.of("other", "missing_rollups"),
                "add-retained",
                Map.of("other", Identifiers.quote(fixture.rollups.schema())));
    }

    /** Negative controls. */
    @ParameterizedTest(name = "{1} instead of {2} in {0}")
    @CsvSource(
            delimiter = '|',
            value = {
                "covered-before   | select covered_before    | select covered_befor      | does not exist",
                "covered-before   | select covered_before    | select covered_before as b | columns in the header",
                "roll             | full join sent           | full join sended          | does not exist",
                "choose-new-hours | :upper                   | :upper::text              | does not exist: timestamp",
                "writers          | to_regclass(:events)     | to_regclass(:event)       | parameters in the header",
                "delete-events    | as looked_at             | as seen                   | columns in the header",
                "live-figure      | :live_to::timestamptz    | :live_till::timestamptz          | parameters in the header",
            })
    void detectsSlip(String statement, String right, String slip, String message) {
        source = WeakenedStatements.changed(statement, right, slip);
        assertThatThrownBy(() -> check(statement)).hasMessageContaining(message);
    }
}
