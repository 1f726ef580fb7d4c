package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.TableMapping;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The mapping that {@code usagekit.tables} describes. */
class TableMappingsTest {

    @Test
    void namesOfTheHostsTablesReachTheMapping() {
        Contexts.withDataSource()
                .withPropertyValues(
                        "usagekit.tables.preset=custom",
                        "usagekit.tables.schema=app",
                        "usagekit.tables.projects=workspaces",
                        "usagekit.tables.project-id=wid",
                        "usagekit.tables.project-organisation-id=account",
                        "usagekit.tables.project-deleted-at=w_deleted",
                        "usagekit.tables.events=messages",
                        "usagekit.tables.event-id=mid",
                        "usagekit.tables.event-project-id=m_workspace",
                        "usagekit.tables.event-created-at=m_at",
                        "usagekit.tables.event-deleted-at=m_deleted",
                        "usagekit.tables.payload=body,headers",
                        "usagekit.tables.payload-stored-bytes.body=body_bytes",
                        "usagekit.tables.delivery-stored-bytes=m_bytes",
                        "usagekit.tables.deliveries=attempts",
                        "usagekit.tables.delivery-id=aid",
                        "usagekit.tables.delivery-project-id=a_workspace",
                        "usagekit.tables.delivery-event-id=a_message",
                        "usagekit.tables.delivery-status=a_status",
                        "usagekit.tables.delivery-created-at=a_at",
                        "usagekit.tables.delivered-statuses=ok,done",
                        "usagekit.tables.timestamps-in=UTC",
                        "usagekit.tables.keep-deleted-projects=true")
                .run(context -> {
                    TableMapping mapping = context.getBean(TableMapping.class);
                    assertThat(List.of(
                                    mapping.schema(),
                                    mapping.projects(),
                                    mapping.projectId(),
                                    mapping.projectOrganisationId(),
                                    mapping.projectDeletedAt().orElseThrow(),
                                    mapping.events(),
                                    mapping.eventId(),
                                    mapping.eventProjectId(),
                                    mapping.eventCreatedAt(),
                                    mapping.eventDeletedAt().orElseThrow(),
                                    mapping.deliveries(),
                                    mapping.deliveryId(),
                                    mapping.deliveryProjectId(),
                                    mapping.deliveryEventId(),
                                    mapping.deliveryStatus(),
                                    mapping.deliveryCreatedAt(),
                                    mapping.deliveryStoredBytes().orElseThrow()))
                            .containsExactly(
                                    "app",
                                    "workspaces",
                                    "wid",
                                    "account",
                                    "w_deleted",
                                    "messages",
                                    "mid",
                                    "m_workspace",
                                    "m_at",
                                    "m_deleted",
                                    "attempts",
                                    "aid",
                                    "a_workspace",
                                    "a_message",
                                    "a_status",
                                    "a_at",
                                    "m_bytes");
                    assertThat(mapping.payload()).containsExactly("body", "headers");
                    assertThat(mapping.payloadStoredBytes()).isEqualTo(Map.of("body", "body_bytes"));
                    assertThat(mapping.deliveredStatuses()).containsExactly("ok", "done");
                    assertThat(mapping.timestampsIn()).contains(ZoneOffset.UTC);
                    assertThat(mapping.keepsDeletedProjects()).isTrue();
                    assertThat(mapping.detectsStoredBytes()).isFalse();
                });
    }

    @Test
    void anEmptyNameMeansThatThereIsNoSuchColumn() {
        Contexts.withDataSource()
                .withPropertyValues(
                        "usagekit.tables.preset=gateway",
                        "usagekit.tables.schema=hooks",
                        "usagekit.tables.project-deleted-at=",
                        "usagekit.tables.event-deleted-at=",
                        "usagekit.tables.stored-bytes=",
                        "usagekit.tables.delivery-stored-bytes=")
                .run(context -> {
                    TableMapping mapping = context.getBean(TableMapping.class);
                    assertThat(mapping.schema()).isEqualTo("hooks");
                    assertThat(mapping.projectDeletedAt()).isEmpty();
                    assertThat(mapping.eventDeletedAt()).isEmpty();
                    assertThat(mapping.detectsStoredBytes()).isFalse();
                    assertThat(mapping.detectsDeliveryStoredBytes()).isFalse();
                });
    }

    @Test
    void theGatewaysStoredSizesAreLookedFor() {
        Contexts.withDataSource()
                .withPropertyValues("usagekit.tables.preset=gateway", "usagekit.tables.delivered-statuses=Done")
                .run(context -> {
                    TableMapping mapping = context.getBean(TableMapping.class);
                    assertThat(mapping.schema()).isEqualTo("convoy");
                    assertThat(mapping.detectsStoredBytes()).isTrue();
                    assertThat(mapping.deliveredStatuses()).containsExactly("Done");
                });
    }

    @Test
    void aStoredSizeReachesTheMapping() {
        Contexts.withDataSource()
                .withPropertyValues(
                        "usagekit.tables.preset=custom",
                        "usagekit.tables.schema=app",
                        "usagekit.tables.payload=",
                        "usagekit.tables.stored-bytes=octets")
                .run(context -> {
                    TableMapping mapping = context.getBean(TableMapping.class);
                    assertThat(mapping.payload()).isEmpty();
                    assertThat(mapping.storedBytes()).contains("octets");
                });
    }

    @Test
    void aCustomMappingLooksForNoStoredSizes() {
        Contexts.withDataSource()
                .withPropertyValues("usagekit.tables.preset=custom", "usagekit.tables.schema=app")
                .run(context -> {
                    TableMapping mapping = context.getBean(TableMapping.class);
                    assertThat(mapping.detectsStoredBytes()).isFalse();
                    assertThat(mapping.detectsDeliveryStoredBytes()).isFalse();
                });
    }

    @Test
    void aCustomMappingNeedsASchema() {
        Contexts.withDataSource()
                .withPropertyValues("usagekit.tables.preset=custom")
                .run(context -> assertThat(Failures.of(context))
                        .hasMessageStartingWith("usagekit.tables.schema must be given"));
    }

    @Test
    void theOwnTablesTakeNoNames() {
        List<String> names = Arrays.stream(UsageProperties.Tables.class.getRecordComponents())
                .map(component -> Knobs.dashed(component.getName()))
                .filter(name -> !List.of("preset", "schema", "delivered-statuses", "keep-deleted-projects")
                        .contains(name))
                .toList();
        for (String name : names) {
            String property = "usagekit.tables." + name;
            Contexts.withDataSource()
                    .withPropertyValues(property + (name.equals("payload-stored-bytes") ? ".raw" : "") + "=x")
                    .run(context -> assertThat(Failures.of(context))
                            .hasMessageStartingWith(property + " must not be given")
                            .hasMessageContaining("x"));
        }
    }
}
