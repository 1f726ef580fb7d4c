package io.usagekit.testkit.mutants;

import static io.usagekit.testkit.mutants.FlightStoreMutantsTest.MARCH;
import static io.usagekit.testkit.mutants.FlightStoreMutantsTest.atLeastMillisecond;
import static io.usagekit.testkit.mutants.FlightStoreMutantsTest.labelled;
import static io.usagekit.testkit.mutants.FlightStoreMutantsTest.mutant;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.UsageKey;
import io.usagekit.testkit.mutants.FlightStoreMutantsTest.Adapter;
import io.usagekit.testkit.mutants.FlightStoreMutantsTest.Memory;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Flight stores that publish or invalidate wrongly. */
final class FlightPublicationMutants {

    private FlightPublicationMutants() {}

    static List<Mutant<Adapter>> all() {
        return Stream.of(wrongPublications(), wrongInvalidations())
                .flatMap(List::stream)
                .toList();
    }

    private interface Publisher {
        CompletionStage<Publication> publish(
                FlightStore right,
                Memory memory,
                UsageKey key,
                String token,
                long fence,
                AgedUsage figure,
                Duration timeToLive);
    }

    private static Mutant<Adapter> publisher(String fault, String check, Publisher publisher) {
        return mutant(fault, check, (store, memory) -> new ForwardingFlightStore(store) {
            @Override
            public CompletionStage<Publication> publish(
                    UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
                return publisher.publish(right, memory, key, token, fence, figure, timeToLive);
            }
        });
    }

    private static Mutant<Adapter> published(String fault, String check, UnaryOperator<Publication> change) {
        return publisher(
                fault,
                check,
                (right, memory, key, token, fence, figure, timeToLive) ->
                        right.publish(key, token, fence, figure, timeToLive).thenApply(change));
    }

    private static List<Mutant<Adapter>> wrongPublications() {
        return List.of(
                publisher(
                        "any fence publishes",
                        "rejectsPublicationWhenAnotherLoadHoldsLease",
                        (right, memory, key, token, fence, figure, timeToLive) -> memory.cache
                                .put(key, figure, timeToLive)
                                .thenCompose(done -> right.release(key, token))
                                .thenApply(done -> new Publication.Stored())),
                publisher(
                        "an unknown fence publishes",
                        "rejectsPublicationUnderUnknownFence",
                        (right, memory, key, token, fence, figure, timeToLive) -> right.publish(
                                        key, token, fence, figure, timeToLive)
                                .thenCompose(publication -> publication instanceof Publication.Invalidated
                                        ? memory.cache
                                                .put(key, figure, timeToLive)
                                                .thenApply(done -> new Publication.Stored())
                                        : CompletableFuture.completedFuture(publication))),
                publisher(
                        "an expired lease can't publish",
                        "storesFigureWhenLeaseExpiredUntaken",
                        (right, memory, key, token, fence, figure, timeToLive) -> right.renew(
                                        key, token, Duration.ofSeconds(30))
                                .thenCompose(renewed -> renewed
                                        ? right.publish(key, token, fence, figure, timeToLive)
                                        : CompletableFuture.completedFuture(new Publication.LeaseLost(fence)))),
                publisher(
                        "the lease stays after its publication",
                        "storesPublishedFigureAndReleasesLease",
                        (right, memory, key, token, fence, figure, timeToLive) -> right.publish(
                                        key, token, fence, figure, timeToLive)
                                .thenCompose(publication -> right.acquire(
                                                key,
                                                new LeaseRequest(
                                                        token,
                                                        Duration.ofSeconds(30),
                                                        Duration.ZERO,
                                                        OptionalLong.empty()))
                                        .thenApply(acquisition -> publication))),
                publisher(
                        "the age of a published figure is lost",
                        "storesPublishedFigureAndReleasesLease",
                        (right, memory, key, token, fence, figure, timeToLive) -> right.publish(
                                key, token, fence, new AgedUsage(figure.usage(), Duration.ZERO), timeToLive)),
                publisher(
                        "one time to live for all published figures",
                        "storesPublishedFigureAndReleasesLease",
                        (right, memory, key, token, fence, figure, timeToLive) ->
                                right.publish(key, token, fence, figure, Duration.ofHours(1))),
                publisher(
                        "no check of the time to live",
                        "rejectsTimesBelowOneMillisecond",
                        (right, memory, key, token, fence, figure, timeToLive) ->
                                right.publish(key, token, fence, figure, atLeastMillisecond(timeToLive))),
                publisher(
                        "no check of the figure's key",
                        "rejectsFigureOfAnotherKey",
                        (right, memory, key, token, fence, figure, timeToLive) ->
                                right.publish(figure.usage().key(), token, fence, figure, timeToLive)),
                published(
                        "a newer figure isn't returned",
                        "returnsNewerFigureWhenLaterLoadPublished",
                        publication -> publication instanceof Publication.Superseded
                                ? new Publication.LeaseLost(2)
                                : publication),
                published(
                        "a lost lease looks like an invalidation",
                        "rejectsPublicationWhenAnotherLoadHoldsLease",
                        publication -> publication instanceof Publication.LeaseLost
                                ? new Publication.Invalidated()
                                : publication),
                published(
                        "an invalidation looks like a publication",
                        "rejectsPublicationOfLoadInvalidatedInFlight",
                        publication -> publication instanceof Publication.Invalidated
                                ? new Publication.Stored()
                                : publication),
                published(
                        "the label of the newer figure",
                        "labelsSupersedingFigureAsRequested",
                        publication -> publication instanceof Publication.Superseded superseded
                                ? new Publication.Superseded(labelled(superseded.newer()))
                                : publication));
    }

    private static Mutant<Adapter> ofKey(
            String fault, String check, Function<FlightStore, Function<UsageKey, CompletionStage<Void>>> change) {
        return mutant(fault, check, (store, memory) -> new ForwardingFlightStore(store) {
            @Override
            public CompletionStage<Void> invalidate(UsageKey key) {
                return change.apply(right).apply(key);
            }
        });
    }

    private static Mutant<Adapter> ofOrganisation(
            String fault, String check, Function<FlightStore, Function<String, CompletionStage<Void>>> change) {
        return mutant(fault, check, (store, memory) -> new ForwardingFlightStore(store) {
            @Override
            public CompletionStage<Void> invalidate(String organisationId) {
                return change.apply(right).apply(organisationId);
            }
        });
    }

    private static List<Mutant<Adapter>> wrongInvalidations() {
        return List.of(
                ofKey(
                        "a key isn't invalidated",
                        "removesFigureLeaseAndFailureOfKey",
                        store -> key -> CompletableFuture.completedFuture(null)),
                ofKey(
                        "all periods of a key are invalidated",
                        "keepsOtherKeys",
                        store -> key -> store.invalidate(key.organisationId())),
                ofOrganisation(
                        "an organisation isn't invalidated",
                        "removesFigureLeaseAndFailureOfKey",
                        store -> id -> CompletableFuture.completedFuture(null)),
                ofOrganisation(
                        "one period of an organisation is invalidated",
                        "removesFiguresAndRejectsPublicationsOfOrganisation",
                        store -> id -> store.invalidate(new UsageKey(id, MARCH))),
                ofOrganisation(
                        "organisations in other letters are invalidated",
                        "keepsOtherOrganisations",
                        store -> id -> store.invalidate(id.toUpperCase(Locale.ROOT))
                                .thenCompose(done -> store.invalidate(id))));
    }
}
