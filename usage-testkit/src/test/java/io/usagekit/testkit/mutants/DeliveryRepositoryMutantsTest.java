package io.usagekit.testkit.mutants;

import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryCount;
import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.Duplicates;
import io.usagekit.events.EventOrder;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.testkit.InMemoryEventRepository;
import io.usagekit.testkit.contract.deliveries.DeliveryRepositoryContract;
import io.usagekit.testkit.internal.DeliveryCopy;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract of repositories of deliveries reports wrong ones. */
class DeliveryRepositoryMutantsTest {

    /** Makes a repository of the right one. */
    interface Adapter extends Function<DeliveryRepository, DeliveryRepository> {}

    @ExtendWith(ContractRun.AdapterParameter.class)
    static final class Suite extends DeliveryRepositoryContract {

        private final Adapter adapter;

        Suite(Adapter adapter) {
            this.adapter = adapter;
        }

        @Override
        protected Ledger openLedger(InstantSource clock) {
            InMemoryEventRepository ledger = InMemoryEventRepository.create(Duplicates.BILLED, clock);
            return new Ledger(ledger, adapter.apply(ledger.deliveries()));
        }
    }

    private static class Forwarding implements DeliveryRepository {
        final DeliveryRepository right;

        Forwarding(DeliveryRepository right) {
            this.right = right;
        }

        @Override
        public List<Delivery> findAll(String projectId, Collection<String> deliveryIds) {
            return right.findAll(projectId, deliveryIds);
        }

        @Override
        public Page<Delivery> page(String projectId, DeliveryFilter filter, PageRequest request) {
            return right.page(projectId, filter, request);
        }

        @Override
        public List<DeliveryCount> count(
                String projectId, DeliveryFilter filter, Set<DeliveryCount.Property> properties) {
            return right.count(projectId, filter, properties);
        }

        @Override
        public long updateStatus(String projectId, DeliveryFilter filter, String status) {
            return right.updateStatus(projectId, filter, status);
        }
    }

    @TestFactory
    Stream<DynamicTest> reportsEachWrongRepository() {
        List<Mutant<Adapter>> mutants = Stream.of(
                        wrongPages(), wrongFilters(), wrongLookUps(), wrongCounts(), wrongUpdates())
                .flatMap(List::stream)
                .toList();
        return Mutants.tests(Suite.class, (Adapter) Forwarding::new, mutants);
    }

    private static final String PAGES = "pagesForwardAndBackInEitherOrderByEachFilter";

    private static Mutant<Adapter> paged(String fault, UnaryOperator<Page<Delivery>> change) {
        return new Mutant<>(fault, PAGES, right -> new Forwarding(right) {
            @Override
            public Page<Delivery> page(String projectId, DeliveryFilter filter, PageRequest request) {
                return change.apply(right.page(projectId, filter, request));
            }
        });
    }

    private static List<Mutant<Adapter>> wrongPages() {
        return List.of(
                paged("pages end early", page -> new Page<>(page.items(), Optional.empty(), page.previous())),
                paged("the first page has one before it", page -> new Page<>(page.items(), page.next(), page.next())),
                paged(
                        "a page lacks its last delivery",
                        page -> new Page<>(
                                page.items().subList(0, Math.max(0, page.items().size() - 1)),
                                page.next(),
                                page.previous())),
                new Mutant<>("one order", PAGES, right -> new Forwarding(right) {
                    @Override
                    public Page<Delivery> page(String projectId, DeliveryFilter filter, PageRequest request) {
                        return right.page(
                                projectId,
                                filter,
                                new PageRequest(request.size(), EventOrder.ASCENDING, request.cursor()));
                    }
                }));
    }

    /** Repositories whose pages have another filter. */
    private static Mutant<Adapter> filtered(String fault, String check, UnaryOperator<DeliveryFilter> change) {
        return new Mutant<>(fault, check, right -> new Forwarding(right) {
            @Override
            public Page<Delivery> page(String projectId, DeliveryFilter filter, PageRequest request) {
                return right.page(projectId, change.apply(filter), request);
            }
        });
    }

    private static DeliveryFilter copy(DeliveryFilter filter, Set<String> properties) {
        DeliveryFilter.Builder copy = DeliveryFilter.builder();
        if (properties.contains("window")) {
            copy.window(filter.window());
        }
        filter.eventId().filter(id -> properties.contains("event")).ifPresent(copy::eventId);
        filter.endpointId().filter(id -> properties.contains("endpoint")).ifPresent(copy::endpointId);
        filter.statuses().filter(all -> properties.contains("statuses")).ifPresent(copy::statuses);
        return copy.build();
    }

    private static List<Mutant<Adapter>> wrongFilters() {
        Set<String> all = Set.of("window", "event", "endpoint", "statuses");
        List<Mutant<Adapter>> mutants = new ArrayList<>();
        for (String ignored : all) {
            List<String> others = new ArrayList<>(all);
            others.remove(ignored);
            mutants.add(filtered("ignores: " + ignored, PAGES, filter -> copy(filter, Set.copyOf(others))));
        }
        mutants.add(filtered("a cursor of any filter", "rejectsCursorOfAnotherQuery", filter -> DeliveryFilter.ALL));
        mutants.add(filtered(
                "a new status is passed over",
                "neitherRepeatsNorSkipsDeliveriesThatAreRecordedBetweenPages",
                filter -> DeliveryFilter.builder()
                        .statuses(List.of(Delivery.SUCCESS, "Failure", "", "Retry"))
                        .build()));
        return mutants;
    }

    private interface LookUp {
        List<Delivery> in(DeliveryRepository right, String projectId, Collection<String> deliveryIds);
    }

    private static Mutant<Adapter> found(String fault, String check, LookUp lookUp) {
        return new Mutant<>(fault, check, right -> new Forwarding(right) {
            @Override
            public List<Delivery> findAll(String projectId, Collection<String> deliveryIds) {
                return lookUp.in(right, projectId, deliveryIds);
            }
        });
    }

    private static List<Mutant<Adapter>> wrongLookUps() {
        String order = "findsDeliveriesInTheRequestedOrder";
        return List.of(
                found(
                        "without failure reason and metadata",
                        order,
                        (right, projectId, ids) -> right.findAll(projectId, ids).stream()
                                .map(d -> new Delivery(
                                        d.id(), d.projectId(), d.eventId(), d.endpointId(), d.status(), d.createdAt()))
                                .toList()),
                found("another order", order, (right, projectId, ids) -> {
                    List<Delivery> all = new ArrayList<>(right.findAll(projectId, ids));
                    Collections.reverse(all);
                    return all;
                }),
                found(
                        "each as often as requested",
                        order,
                        (right, projectId, ids) -> ids.stream()
                                .flatMap(id -> right.findAll(projectId, List.of(id)).stream())
                                .toList()),
                found(
                        "of another project",
                        order,
                        (right, projectId, ids) -> Stream.of("project-1", "project-2")
                                .flatMap(project -> right.findAll(project, ids).stream())
                                .toList()),
                found("ids out of bounds", "rejectsArgumentsOutOfBounds", (right, projectId, ids) -> List.of()));
    }

    private interface Count {
        List<DeliveryCount> in(
                DeliveryRepository right, String projectId, DeliveryFilter filter, Set<DeliveryCount.Property> by);
    }

    private static Mutant<Adapter> counted(String fault, Count count) {
        return new Mutant<>(fault, "countsByEachCombinationOfProperties", right -> new Forwarding(right) {
            @Override
            public List<DeliveryCount> count(
                    String projectId, DeliveryFilter filter, Set<DeliveryCount.Property> properties) {
                return count.in(right, projectId, filter, properties);
            }
        });
    }

    private static List<Mutant<Adapter>> wrongCounts() {
        return List.of(
                counted("of all", (right, projectId, filter, by) -> right.count(projectId, DeliveryFilter.ALL, by)),
                counted("by status in any case", (right, projectId, filter, by) -> {
                    Set<DeliveryCount.Property> more = EnumSet.of(DeliveryCount.Property.STATUS);
                    more.addAll(by);
                    return right.count(projectId, filter, more);
                }),
                counted(
                        "by no more than one property",
                        (right, projectId, filter, by) -> right.count(
                                projectId,
                                filter,
                                Set.copyOf(by.stream().limit(1).toList()))),
                counted("the latest day first", (right, projectId, filter, by) -> {
                    List<DeliveryCount> counts = new ArrayList<>(right.count(projectId, filter, by));
                    Collections.reverse(counts);
                    return counts;
                }),
                counted(
                        "days of another time zone",
                        (right, projectId, filter, by) -> right.count(projectId, filter, by).stream()
                                .map(count -> new DeliveryCount(
                                        count.day().map(day -> day.plusDays(1)),
                                        count.endpointId(),
                                        count.status(),
                                        count.deliveries()))
                                .toList()));
    }

    private interface Update {
        long in(DeliveryRepository right, String projectId, DeliveryFilter filter, String status);
    }

    private static Mutant<Adapter> updated(String fault, String check, Update update) {
        return new Mutant<>(fault, check, right -> new Forwarding(right) {
            @Override
            public long updateStatus(String projectId, DeliveryFilter filter, String status) {
                return update.in(right, projectId, filter, status);
            }
        });
    }

    /** Pages have the failure reasons from before the first update. */
    private static final class SuccessKeepsReasons extends Forwarding {
        private final Map<String, String> reasons = new HashMap<>();

        SuccessKeepsReasons(DeliveryRepository right) {
            super(right);
        }

        @Override
        public long updateStatus(String projectId, DeliveryFilter filter, String status) {
            page(projectId, DeliveryFilter.ALL, PageRequest.first(1_000, EventOrder.ASCENDING))
                    .items()
                    .forEach(d -> reasons.putIfAbsent(d.id(), d.failureReason()));
            return right.updateStatus(projectId, filter, status);
        }

        @Override
        public Page<Delivery> page(String projectId, DeliveryFilter filter, PageRequest request) {
            Page<Delivery> page = right.page(projectId, filter, request);
            return new Page<>(page.items().stream().map(this::withReason).toList(), page.next(), page.previous());
        }

        private Delivery withReason(Delivery d) {
            String reason = reasons.getOrDefault(d.id(), d.failureReason());
            return DeliveryCopy.withStatus(d, d.status(), reason, d.updatedAt());
        }
    }

    private static List<Mutant<Adapter>> wrongUpdates() {
        String check = "updatesTheStatusOfThoseThatMeetTheFilterAndOfNoOthers";
        return List.of(
                updated(
                        "of all",
                        check,
                        (right, projectId, filter, status) ->
                                right.updateStatus(projectId, DeliveryFilter.ALL, status)),
                updated("of another project, too", check, (right, projectId, filter, status) -> {
                    right.updateStatus("project-2", filter, status);
                    return right.updateStatus(projectId, filter, status);
                }),
                updated("counts those in the status already", check, (right, projectId, filter, status) -> {
                    long met = right.count(projectId, filter, Set.of()).stream()
                            .mapToLong(DeliveryCount::deliveries)
                            .sum();
                    right.updateStatus(projectId, filter, status);
                    return met;
                }),
                new Mutant<>("successes with failure reasons", check, SuccessKeepsReasons::new),
                updated(
                        "of those in the status already, too",
                        "saysWhenStatusesWereSet",
                        (right, projectId, filter, status) -> {
                            long changed = right.updateStatus(projectId, filter, status);
                            right.updateStatus(projectId, filter, "other");
                            right.updateStatus(projectId, filter, status);
                            return changed;
                        }),
                updated("counts none", check, (right, projectId, filter, status) -> {
                    right.updateStatus(projectId, filter, status);
                    return 0;
                }),
                updated(
                        "counts one batch",
                        "updatesMoreDeliveriesThanABatchHas",
                        (right, projectId, filter, status) ->
                                Math.min(1_000, right.updateStatus(projectId, filter, status))));
    }
}
