package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TableMappingTest {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "a\0b",
                "1234567890123456789012345678901234567890123456789012345678901234",
                "ééééééééééééééééééééééééééééééééé"
            })
    void rejectsANameThatPostgresWouldRejectOrTruncate(String name) {
        assertThatThrownBy(() -> TableMapping.builder("convoy").events(name))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("events must be an identifier of 1 to 63 bytes");
        assertThatThrownBy(() -> TableMapping.builder(name)).hasMessageContaining("schema must be an identifier");
    }

    @Test
    void rejectsAMappingWithoutPayloadAndStoredSize() {
        assertThatThrownBy(() -> TableMapping.builder("convoy").payload().build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("payload must name at least one column");
        assertThat(TableMapping.builder("convoy")
                        .payload()
                        .storedBytes("size")
                        .build()
                        .storedBytes())
                .contains("size");
    }

    @Test
    void rejectsAPayloadColumnThatIsNamedTwice() {
        assertThatThrownBy(() ->
                        TableMapping.builder("convoy").payload("raw", "raw").build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("[raw, raw]");
    }

    @Test
    void rejectsSizesThatDontBelongToOnePayloadColumnEach() {
        TableMapping.Builder sized = TableMapping.builder("convoy").storedBytes("raw", "raw_bytes");
        assertThat(sized.build().payloadStoredBytes()).containsExactly(Map.entry("raw", "raw_bytes"));
        assertThatThrownBy(() -> sized.build().toBuilder().storedBytes("size").build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(
                        "either a whole size or those of payload columns, but was \"size\" and {raw=raw_bytes}");
        assertThatThrownBy(() -> sized.build().toBuilder().payload("data").build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("some payload columns ([data]), but was {raw=raw_bytes}");
        assertThatThrownBy(() -> sized.build().toBuilder()
                        .storedBytes("data", "raw_bytes")
                        .build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("one column for each");
        assertThat(sized.build().toBuilder().withoutStoredBytes().build().payloadStoredBytes())
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"Z", "UTC", "Etc/UTC", "+00:00"})
    void acceptsTimestampsInUtc(String zone) {
        TableMapping mapping =
                TableMapping.builder("convoy").timestampsIn(ZoneId.of(zone)).build();
        assertThat(mapping.toBuilder().build().timestampsIn()).contains(ZoneOffset.UTC);
    }

    @ParameterizedTest
    @CsvSource({
        "Europe/Berlin, an hour's times name two instants",
        "Europe/London, an hour's times name two instants",
        "Asia/Kolkata, name two instants",
        "+05:30, supported as timestamp with time zone only"
    })
    void rejectsTimestampsInOtherZones(String zone, String reason) {
        assertThatThrownBy(() -> TableMapping.builder("convoy").timestampsIn(ZoneId.of(zone)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("timestampsIn must be UTC, but was " + zone)
                .hasMessageContaining(reason);
    }

    @Test
    void detectsStoredSizesOfAGatewayUnlessTheyAreNamedOrExcluded() {
        TableMapping gateway = TableMapping.gateway();
        assertThat(gateway.detectsStoredBytes()).isTrue();
        assertThat(gateway.detectsDeliveryStoredBytes()).isTrue();
        TableMapping named = gateway.toBuilder()
                .storedBytes("raw", "n")
                .withoutDeliveryStoredBytes()
                .build();
        assertThat(named.detectsStoredBytes()).isFalse();
        assertThat(named.detectsDeliveryStoredBytes()).isFalse();
        assertThat(TableMapping.builder("convoy").build().detectsStoredBytes()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"id", "project_id", "created_at", "data", "size"})
    void rejectsAMarkOfDeletedEventsThatLiveOnesHave(String column) {
        assertThatThrownBy(() -> TableMapping.builder("convoy")
                        .storedBytes("size")
                        .eventDeletedAt(column)
                        .build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("eventDeletedAt must name a column that is set in deleted rows only, but \""
                        + column + "\" is mapped as");
    }

    @ParameterizedTest
    @ValueSource(strings = {"id", "organisation_id"})
    void rejectsAMarkOfDeletedProjectsThatLiveOnesHave(String column) {
        assertThatThrownBy(() ->
                        TableMapping.builder("convoy").projectDeletedAt(column).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("projectDeletedAt must name a column");
    }

    @Test
    void rejectsAMappingWithoutDeliveredStatus() {
        assertThatThrownBy(
                        () -> TableMapping.builder("convoy").deliveredStatuses().build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("deliveredStatuses");
    }

    @Test
    void keepsABuiltMappingWhenItsBuilderChanges() {
        TableMapping.Builder builder = TableMapping.builder("convoy");
        TableMapping mapping = builder.build();
        builder.events("messages").deliveredStatuses("Done").schema("other");
        assertThat(mapping.events()).isEqualTo("events");
        assertThat(mapping.deliveredStatuses()).containsExactly("Success");
        assertThat(mapping.schema()).isEqualTo("convoy");
        assertThat(builder.build().events()).isEqualTo("messages");
    }

    @Test
    void changesPartsOfAPreset() {
        TableMapping mapping =
                TableMapping.gateway().toBuilder().events("messages").build();
        assertThat(mapping.schema()).isEqualTo("convoy");
        assertThat(mapping.events()).isEqualTo("messages");
        assertThat(mapping.payload()).containsExactly("raw", "data");
    }
}
