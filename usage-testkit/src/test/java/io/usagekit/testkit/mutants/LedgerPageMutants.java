package io.usagekit.testkit.mutants;

import static io.usagekit.testkit.mutants.EventRepositoryMutantsTest.mutant;

import io.usagekit.UsageKey;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.SentDelivery;
import io.usagekit.testkit.mutants.EventRepositoryMutantsTest.Adapter;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/** Ledgers that page wrongly. */
final class LedgerPageMutants {

    private LedgerPageMutants() {}

    static List<Mutant<Adapter>> all() {
        return Stream.of(wrongPages(), wrongDrillDowns()).flatMap(List::stream).toList();
    }

    private static Mutant<Adapter> paged(
            String fault, String check, BiFunction<ForwardingEventRepository, PageQuery, Page<Event>> page) {
        return mutant(fault, check, ledger -> new ForwardingEventRepository(ledger) {
            @Override
            public Page<Event> page(String projectId, EventFilter filter, PageRequest request) {
                return page.apply(new ForwardingEventRepository(right), new PageQuery(projectId, filter, request));
            }
        });
    }

    private record PageQuery(String projectId, EventFilter filter, PageRequest request) {
        Page<Event> of(EventRepository ledger) {
            return ledger.page(projectId, filter, request);
        }
    }

    private static List<Mutant<Adapter>> wrongPages() {
        String both = "pagesForwardAndBackInEitherOrder";
        return List.of(
                paged("pages end early", both, (ledger, query) -> {
                    Page<Event> page = query.of(ledger);
                    return new Page<>(page.items(), Optional.empty(), page.previous());
                }),
                paged("the first page has one before it", both, (ledger, query) -> {
                    Page<Event> page = query.of(ledger);
                    return new Page<>(page.items(), page.next(), page.next());
                }),
                paged(
                        "one order",
                        both,
                        (ledger, query) -> ledger.page(
                                query.projectId(),
                                query.filter(),
                                new PageRequest(
                                        query.request().size(),
                                        EventOrder.ASCENDING,
                                        query.request().cursor()))),
                paged("a page lacks its last event", both, (ledger, query) -> {
                    Page<Event> page = query.of(ledger);
                    return new Page<>(
                            page.items().subList(0, Math.max(0, page.items().size() - 1)),
                            page.next(),
                            page.previous());
                }),
                mutant(
                        "pages by offset",
                        "neitherRepeatsNorSkipsRowsWhenEventsArriveBetweenPages",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public Page<Event> page(String projectId, EventFilter filter, PageRequest request) {
                                int offset =
                                        request.cursor().map(Integer::parseInt).orElse(0);
                                List<Event> all = right.page(
                                                projectId,
                                                filter,
                                                PageRequest.first(PageRequest.MAX_SIZE, request.order()))
                                        .items();
                                int end = Math.min(all.size(), offset + request.size());
                                return new Page<>(
                                        all.subList(offset, end),
                                        end < all.size() ? Optional.of(Integer.toString(end)) : Optional.empty(),
                                        Optional.empty());
                            }
                        }),
                paged(
                        "a cursor of any filter",
                        "rejectsCursorOfAnotherQuery",
                        (ledger, query) -> ledger.page(query.projectId(), EventFilter.ALL, query.request())),
                paged("a bad cursor is the first page", "rejectsMalformedCursor", (ledger, query) -> {
                    try {
                        return query.of(ledger);
                    } catch (IllegalArgumentException e) {
                        return ledger.page(
                                query.projectId(),
                                query.filter(),
                                PageRequest.first(
                                        query.request().size(), query.request().order()));
                    }
                }),
                paged(
                        "the empty cursor is the first page",
                        "rejectsMalformedCursor",
                        (ledger, query) -> query.request().cursor().equals(Optional.of(""))
                                ? ledger.page(
                                        query.projectId(),
                                        query.filter(),
                                        PageRequest.first(
                                                query.request().size(),
                                                query.request().order()))
                                : query.of(ledger)));
    }

    private static List<Mutant<Adapter>> wrongDrillDowns() {
        return List.of(
                mutant(
                        "a page of received events lacks one",
                        "addsUpPagesToTheFigure",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public Page<Event> received(UsageKey key, PageRequest request) {
                                Page<Event> page = right.received(key, request);
                                return new Page<>(
                                        page.items()
                                                .subList(
                                                        0, Math.min(page.items().size(), 50)),
                                        page.next(),
                                        page.previous());
                            }
                        }),
                mutant(
                        "sent deliveries without bytes",
                        "addsUpPagesToTheFigure",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public Page<SentDelivery> sent(UsageKey key, PageRequest request) {
                                Page<SentDelivery> page = right.sent(key, request);
                                return new Page<>(
                                        page.items().stream()
                                                .map(sent -> new SentDelivery(sent.delivery(), 0))
                                                .toList(),
                                        page.next(),
                                        page.previous());
                            }
                        }),
                mutant(
                        "a previous page that isn't the one before",
                        "addsUpPagesToTheFigure",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public Page<Event> received(UsageKey key, PageRequest request) {
                                Page<Event> page = right.received(key, request);
                                return new Page<>(
                                        page.items(), page.next(), page.next().or(page::previous));
                            }
                        }),
                mutant(
                        "a cursor of any figure",
                        "rejectsCursorOfAnotherFigure",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public Page<SentDelivery> sent(UsageKey key, PageRequest request) {
                                try {
                                    return right.sent(key, request);
                                } catch (IllegalArgumentException e) {
                                    return right.sent(key, PageRequest.first(request.size(), request.order()));
                                }
                            }
                        }),
                mutant(
                        "events for an unknown organisation",
                        "returnsOneEmptyPageForUnknownOrganisation",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public Page<Event> received(UsageKey key, PageRequest request) {
                                Page<Event> page = right.received(key, request);
                                right.recordAll(List.of(
                                        NewEvent.builder("project-1", "x").build()));
                                return page.items().isEmpty()
                                        ? right.page("project-1", EventFilter.ALL, request)
                                        : page;
                            }
                        }));
    }
}
