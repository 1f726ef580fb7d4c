package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventWindow;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.internal.SqlTemplate;
import io.usagekit.postgres.internal.SqlType;
import io.usagekit.postgres.internal.paging.KeysetScan;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.StatementsIT;
import java.sql.Connection;
import java.sql.ParameterMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every statement prepares on the tables as they are installed, and takes and returns what the Java side binds and reads: the
 * same names, the same types.
 */
class LedgerStatementsIT extends StatementsIT {

    /** Both directions, after a page boundary and from the first row on. */
    private static final List<Scan> SCANS = List.of(
            new Scan(EventOrder.ASCENDING, Optional.of(new Scan.Position(Instant.EPOCH, "e")), 1),
            new Scan(EventOrder.DESCENDING, Optional.of(new Scan.Position(Instant.EPOCH, "e")), 1),
            new Scan(EventOrder.ASCENDING, Optional.empty(), 1),
            new Scan(EventOrder.DESCENDING, Optional.empty(), 1));

    private static final LookUps.Scope ALL = LookUps.Scope.ALL_PARTITIONS;

    private static String schema;

    @BeforeAll
    static void install() {
        schema = LedgerTables.install("sql");
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    @Override
    protected String folder() {
        return "events";
    }

    @Override
    protected Set<String> files() {
        return Set.of(
                "filter.sql",
                "page.sql",
                "endpoints.sql",
                "record.sql",
                "find.sql",
                "deliveries.sql",
                "delete.sql",
                "search.sql",
                "install.sql");
    }

    @Override
    protected Set<String> wholeScripts() {
        return Set.of("ids.sql", "retained-ids.sql", "triggers.sql", "references.sql");
    }

    @Override
    protected SqlStatements statements() {
        return sql().statements();
    }

    @Override
    protected List<Map<String, String>> variants(String statement) {
        List<LedgerFilter> filters = filters();
        Map<String, String> fragments = new HashMap<>(KeysetScan.fragments(SCANS.get(0)));
        fragments.put("filter", "");
        fragments.put("window", "");
        fragments.put("delivery-filter", "");
        fragments.putAll(LookUps.Scope.PLAIN_TABLE.fragments());
        Map<String, String> filtered = new HashMap<>(fragments);
        filtered.putAll(filters.get(filters.size() - 1).fragments(LedgerStatement.PAGE_EVENTS));
        List<LedgerFilter> ofDeliveries = filtersOfDeliveries();
        filtered.putAll(ofDeliveries.get(ofDeliveries.size() - 1).fragments(LedgerStatement.PAGE_DELIVERIES_OF_EVENT));
        return List.of(fragments, filtered);
    }

    @Test
    void declaresEveryStatementAndConditionOfTheFiles() {
        assertThat(LedgerSql.FILES.statements())
                .containsExactlyInAnyOrderElementsOf(Arrays.stream(LedgerStatement.values())
                        .map(LedgerStatement::sqlName)
                        .toList());
        Set<String> fragments = new TreeSet<>(Set.of(
                "as-many-octets",
                "batch-result",
                "between-times",
                "between-which-times",
                "counted-projects",
                "delivery-columns",
                "delivery-octets",
                "entered-keys",
                "event-columns",
                "event-octets",
                "given-event",
                "given-events",
                "has-children",
                "has-endpoint",
                "has-phrases",
                "has-phrases-in-text",
                "has-recorded-key",
                "has-words",
                "insert-endpoints-of-all",
                "insert-judged",
                "insert-one-judged",
                "is-of-project",
                "is-plain",
                "keyset-condition",
                "known-key",
                "query-of-lines",
                "return-recorded",
                "scanned-deliveries",
                "scanned-events",
                "words-of-text"));
        Arrays.stream(LedgerFilter.Condition.values()).forEach(condition -> fragments.add(condition.fragment()));
        assertThat(LedgerSql.FILES.fragments()).containsExactlyInAnyOrderElementsOf(fragments);
    }

    @Test
    void checksEachConditionByItselfAndWithAllOthers() {
        Set<LedgerFilter.Condition> ofDeliveries = EnumSet.copyOf(LedgerFilter.Condition.OF_DELIVERIES);
        Set<LedgerFilter.Condition> ofEvents = EnumSet.complementOf(EnumSet.copyOf(ofDeliveries));
        ofDeliveries.addAll(Set.of(LedgerFilter.Condition.FROM, LedgerFilter.Condition.BEFORE));
        // One source is another condition than two, and being live binds nothing.
        checkFilters(
                filters(),
                ofEvents,
                Set.of(LedgerFilter.Condition.LIVE, LedgerFilter.Condition.SOURCE_IDS),
                Set.of(LedgerFilter.Condition.LIVE, LedgerFilter.Condition.SOURCE_ID));
        checkFilters(filtersOfDeliveries(), ofDeliveries, Set.of(), Set.of());
    }

    /** Asserts that each condition stands in a filter by itself, and all of them in the last one, but for these. */
    private static void checkFilters(
            List<LedgerFilter> filters,
            Set<LedgerFilter.Condition> conditions,
            Set<LedgerFilter.Condition> notByThemselves,
            Set<LedgerFilter.Condition> notWithOthers) {
        Set<String> single = new TreeSet<>();
        filters.stream()
                .map(filter -> filter.parameters().keySet())
                .filter(parameters -> parameters.size() == 1)
                .forEach(single::addAll);
        assertThat(single).isEqualTo(parametersWithout(notByThemselves, conditions));
        assertThat(filters.get(filters.size() - 1).parameters().keySet())
                .isEqualTo(parametersWithout(notWithOthers, conditions));
    }

    private static Set<String> parametersWithout(
            Set<LedgerFilter.Condition> excluded, Set<LedgerFilter.Condition> conditions) {
        return conditions.stream()
                .filter(condition -> !excluded.contains(condition))
                .map(LedgerFilter.Condition::parameter)
                .collect(Collectors.toSet());
    }

    @ParameterizedTest
    @EnumSource(LedgerStatement.class)
    void takesAndReturnsWhatItsDeclarationSays(LedgerStatement statement) throws SQLException {
        for (LedgerFilter filter : filtersOf(statement)) {
            for (Scan scan : SCANS) {
                check(statement, filter, scan, ALL, text(statement, filter, scan, ALL));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(LookUps.Scope.class)
    void looksUpInEachScope(LookUps.Scope scope) throws SQLException {
        for (LedgerStatement statement : LedgerStatement.values()) {
            if (LedgerSql.FILES.text(statement.sqlName()).contains("{only}")) {
                Scan scan = SCANS.get(0);
                check(statement, LedgerFilter.NONE, scan, scope, text(statement, LedgerFilter.NONE, scan, scope));
            }
        }
    }

    private static LedgerSql sql() {
        return LedgerSql.in(schema, ProjectScope.ALIVE);
    }

    private static String text(LedgerStatement statement, LedgerFilter filter, Scan scan, LookUps.Scope scope) {
        Map<String, String> fragments = new HashMap<>(filter.fragments(statement));
        fragments.putAll(scope.fragments());
        fragments.putAll(KeysetScan.fragments(scan));
        return sql().statements().text(statement.sqlName(), fragments);
    }

    private static List<LedgerFilter> filtersOf(LedgerStatement statement) {
        return switch (statement.filterPlaceholder().orElse("")) {
            case LedgerStatement.EVENT_FILTER -> filters();
            case LedgerStatement.DELIVERY_FILTER -> filtersOfDeliveries();
            case LedgerStatement.WINDOW ->
                List.of(
                        LedgerFilter.of(EventWindow.ALL),
                        LedgerFilter.of(EventWindow.between(Instant.EPOCH, Instant.EPOCH.plusSeconds(1))));
            default -> List.of(LedgerFilter.NONE);
        };
    }

    /** Each condition by itself, and all of them together. */
    private static List<LedgerFilter> filters() {
        List<EventFilter.Builder> filters = new ArrayList<>();
        filters.add(EventFilter.builder());
        filters.add(EventFilter.builder().state(EventFilter.State.ANY));
        filters.add(EventFilter.builder().window(EventWindow.since(Instant.EPOCH)));
        filters.add(EventFilter.builder().window(EventWindow.before(Instant.EPOCH)));
        filters.add(EventFilter.builder().sourceIds(List.of("a")));
        filters.add(EventFilter.builder().idempotencyKey(""));
        filters.add(EventFilter.builder().brokerMessageId(""));
        filters.add(EventFilter.builder().type(""));
        filters.add(EventFilter.builder().status(""));
        filters.add(EventFilter.builder()
                .window(EventWindow.between(Instant.EPOCH, Instant.EPOCH.plusSeconds(1)))
                .sourceIds(List.of("a", "b"))
                .idempotencyKey("k")
                .brokerMessageId("m")
                .type("t")
                .status("s"));
        List<LedgerFilter> conditions = new ArrayList<>(
                filters.stream().map(filter -> LedgerFilter.of(filter.build())).toList());
        Set<String> endpoints = Set.of("a", "b");
        conditions.add(LedgerFilter.of(
                        EventFilter.builder().state(EventFilter.State.ANY).build())
                .deliveredTo(endpoints));
        conditions.add(LedgerFilter.of(
                        EventFilter.builder().state(EventFilter.State.ANY).build())
                .containing("w"));
        conditions.add(conditions
                .get(filters.size() - 1)
                .deliveredTo(endpoints)
                .containing("w")
                .eachDeliveredTo(endpoints)
                .eachContaining("w"));
        return conditions;
    }

    /** The same of deliveries. */
    private static List<LedgerFilter> filtersOfDeliveries() {
        return Stream.of(
                        DeliveryFilter.builder(),
                        DeliveryFilter.builder().window(EventWindow.since(Instant.EPOCH)),
                        DeliveryFilter.builder().window(EventWindow.before(Instant.EPOCH)),
                        DeliveryFilter.builder().eventId("e"),
                        DeliveryFilter.builder().endpointId(""),
                        DeliveryFilter.builder().statuses(List.of()),
                        DeliveryFilter.builder()
                                .window(EventWindow.between(Instant.EPOCH, Instant.EPOCH.plusSeconds(1)))
                                .eventId("e")
                                .endpointId("n")
                                .statuses(List.of("a", "b")))
                .map(filter -> LedgerFilter.of(filter.build()))
                .toList();
    }

    /** The negative controls: with any of these flaws in a file, the build fails. */
    @ParameterizedTest(name = "{1} for {2} in {0}")
    @CsvSource(
            delimiter = '|',
            value = {
                "FIND_EVENTS       | e.event_type,         | e.type,               | column e.type does not exist",
                "FIND_EVENTS       | e.event_type,         | e.event_type as type, | event_type",
                "FIND_EVENTS       | e.payload_bytes,      | e.payload_bytes::int as payload_bytes, | int4",
                "FIND_EVENTS       | :project_id           | :project              | project",
                "FIND_EVENTS       | :ids::text[]          | :ids::int[]::text[]   | _int4",
                "UPDATE_STATUS     | status = :status      | headers = :status     | jsonb",
                "FIND_DELIVERY     | d.created_at          | d.created_at, d.endpoint_id as e | e=text",
                "PAGE_EVENTS       | (:boundary_at, :boundary_id) | (:boundary_at, :boundary_at) | boundary_id",
                "PAGE_EVENTS       | limit :limit          | limit :most           | most",
                "COUNT_EVENTS      | e.event_type = :event_type | e.event_kind = :event_type | event_kind",
            })
    void catchesAChangedStatement(LedgerStatement statement, String right, String flaw, String message) {
        List<LedgerFilter> filters = filtersOf(statement);
        LedgerFilter filter = filters.get(filters.size() - 1);
        Scan scan = SCANS.get(0);
        String text = text(statement, filter, scan, ALL);
        assertThat(text).as("the flaw is in the statement").contains(right);
        assertThatThrownBy(() -> check(statement, filter, scan, ALL, text.replace(right, flaw)))
                .hasMessageContaining(message);
    }

    private static void check(
            LedgerStatement statement, LedgerFilter filter, Scan scan, LookUps.Scope scope, String text)
            throws SQLException {
        SqlTemplate template = SqlTemplate.of(text, LedgerSql.names(schema, ProjectScope.ALIVE));
        Map<String, SqlType> bound = scope.parametersOf(statement);
        bound.putAll(filter.parameters());
        if (statement.takesScan()) {
            bound.putAll(KeysetScan.parameters(scan));
        }
        try (Connection connection = Database.pool().getConnection();
                PreparedStatement prepared = connection.prepareStatement(template.sql())) {
            ParameterMetaData parameters = prepared.getParameterMetaData();
            Map<String, Set<String>> taken = new LinkedHashMap<>();
            for (int i = 1; i <= parameters.getParameterCount(); i++) {
                taken.computeIfAbsent(template.parameters().get(i - 1), name -> new LinkedHashSet<>())
                        .add(parameters.getParameterTypeName(i));
            }
            assertThat(taken)
                    .as("what %s takes, and what is bound", statement)
                    .isEqualTo(bound.entrySet().stream()
                            .collect(Collectors.toMap(
                                    Map.Entry::getKey,
                                    entry -> Set.of(entry.getValue().driverName()))));
            ResultSetMetaData columns = prepared.getMetaData();
            List<String> returned = new ArrayList<>();
            for (int i = 1; columns != null && i <= columns.getColumnCount(); i++) {
                returned.add(columns.getColumnLabel(i) + "=" + columns.getColumnTypeName(i));
            }
            assertThat(returned)
                    .as("what %s returns, and what is read", statement)
                    .containsExactlyElementsOf(statement.columns().entrySet().stream()
                            .map(column ->
                                    column.getKey() + "=" + column.getValue().driverName())
                            .toList());
        }
    }

    @Test
    void rejectsParametersAndColumnsThatArentDeclared() throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            LedgerSql sql = sql();
            assertThatThrownBy(() -> sql.call(connection, LedgerStatement.FIND_RECORDED_IDS)
                            .text("id", "e"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(":id is bound as TEXT, but declared as null");
            assertThatThrownBy(() -> sql.call(connection, LedgerStatement.FIND_RECORDED_IDS)
                            .text("ids", "e"))
                    .hasMessage(":ids is bound as TEXT, but declared as TEXTS");
            assertThatThrownBy(() -> sql.call(connection, LedgerStatement.IS_RECORDED)
                            .text("project_id", "p")
                            .text("idempotency_key", "k")
                            .first(row -> row.text("answer")))
                    .hasMessage("answer is read as TEXT, but declared as FLAG");
        }
    }
}
