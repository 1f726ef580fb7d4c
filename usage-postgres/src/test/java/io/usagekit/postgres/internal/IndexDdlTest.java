package io.usagekit.postgres.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class IndexDdlTest {

    @Test
    void createsTwoIndexesForTheGatewayPreset() {
        assertThat(PostgresUsage.concurrentIndexDdl(TableMapping.gateway())
                        .replaceAll("_usage_[0-9a-f]{8}", "_usage_#"))
                .isEqualTo("""
                        create index concurrently if not exists "events_usage_#"
                            on "convoy"."events" ("project_id", "created_at");

                        create index concurrently if not exists "event_deliveries_usage_#"
                            on "convoy"."event_deliveries" ("project_id", "created_at") include ("event_id") where "status" in ('Success');
                        """);
    }

    @Test
    void omitsConcurrentlyInTheScriptForATransaction() {
        TableMapping mapping = TableMapping.gateway();
        assertThat(PostgresUsage.indexDdl(mapping))
                .isEqualTo(PostgresUsage.concurrentIndexDdl(mapping).replace("concurrently ", ""));
    }

    @Test
    void namesAnotherDefinitionDifferently() {
        List<Index> one = IndexDdl.indexes(TableMapping.gateway());
        List<Index> other = IndexDdl.indexes(
                TableMapping.gateway().toBuilder().deliveredStatuses("Done").build());
        assertThat(one.get(0).nameOn("events")).isEqualTo(other.get(0).nameOn("events"));
        assertThat(one.get(1).nameOn("event_deliveries"))
                .isNotEqualTo(other.get(1).nameOn("event_deliveries"));
    }

    @Test
    void truncatesLongNamesAndKeepsThemDifferent() {
        Index index = IndexDdl.indexes(TableMapping.gateway()).get(0);
        String stem = "é".repeat(30);
        assertThat(List.of(index.nameOn(stem + "_1"), index.nameOn(stem + "_2"), index.nameOn("x".repeat(63))))
                .doesNotHaveDuplicates()
                .allSatisfy(name ->
                        assertThat(name.getBytes(StandardCharsets.UTF_8)).hasSizeLessThanOrEqualTo(63));
    }

    @Test
    void coversStoredSizesAndIndexesRowsWithoutOne() {
        assertThat(IndexDdl.indexes(
                        TableMapping.gateway().toBuilder().storedBytes("size").build()))
                .extracting(Index::definition)
                .containsExactly(
                        "(\"project_id\", \"created_at\") include (\"id\", \"size\", \"deleted_at\")",
                        "(\"project_id\", \"created_at\") where \"size\" is null",
                        "(\"project_id\", \"created_at\") include (\"event_id\") where \"status\" in ('Success')");
    }

    @Test
    void coversStoredSizesOfAllPayloadColumnsAndOfDeliveries() {
        TableMapping.Builder sized = TableMapping.gateway().toBuilder().storedBytes("raw", "raw_bytes");
        assertThat(IndexDdl.indexes(sized.build()).get(0).definition())
                .as("the other column is measured in each row")
                .isEqualTo("(\"project_id\", \"created_at\")");
        assertThat(IndexDdl.indexes(sized.storedBytes("data", "data_bytes")
                        .deliveryStoredBytes("event_bytes")
                        .build()))
                .extracting(Index::definition)
                .containsExactly(
                        "(\"project_id\", \"created_at\") include (\"id\", \"raw_bytes\", \"data_bytes\", \"deleted_at\")",
                        "(\"project_id\", \"created_at\") where (\"raw_bytes\" is null or \"data_bytes\" is null)",
                        "(\"project_id\", \"created_at\") include (\"event_id\", \"event_bytes\") where \"status\" in ('Success')");
    }

    @Test
    void createsNoIndexOfRowsWithoutASizeOnOwnTables() {
        assertThat(PostgresUsage.ddl("mine"))
                .contains("create schema if not exists \"mine\"")
                .doesNotContain("is null\n");
        assertThat(IndexDdl.indexes(TableMapping.usagekit())).hasSize(2);
    }
}
