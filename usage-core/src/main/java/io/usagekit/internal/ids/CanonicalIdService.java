package io.usagekit.internal.ids;

import io.usagekit.MissPolicy;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageResults;
import io.usagekit.UsageService;
import io.usagekit.UsageUnavailableException;
import io.usagekit.WarmResult;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Passes calls on under the ids that the calculator's source writes, and returns figures under those that callers passed: spellings
 * that the source takes for one organisation are one key for cache, loads and invalidation.
 */
public final class CanonicalIdService implements UsageService {

    private final UsageService service;
    private final OrganisationIds ids;

    /** A service before another one. */
    public CanonicalIdService(UsageService service, OrganisationIds ids) {
        this.service = service;
        this.ids = ids;
    }

    /** Calls at once, or when calls needn't wait for the source any more. */
    private <T> CompletionStage<T> whenReady(Supplier<CompletionStage<T>> call) {
        CompletableFuture<Void> ready = ids.ready();
        return ready.isDone() ? call.get() : ready.thenComposeAsync(done -> unlessClosed(call));
    }

    /** A service that was closed while the call waited: the call was made before that, so it fails as a load does. */
    private static <T> CompletionStage<T> unlessClosed(Supplier<CompletionStage<T>> call) {
        try {
            return call.get();
        } catch (IllegalStateException e) {
            throw new UsageUnavailableException("the service was closed before the source said how it writes ids", e);
        }
    }

    private static UsageCalculationException asWrittenOnly(UsageException cause) {
        return new UsageCalculationException(
                "invalidated as written only: how the source writes organisations' ids isn't known, so that other spellings may stay"
                        + " cached; call again: " + cause.getMessage(),
                cause);
    }

    private void invalidate(Runnable call) {
        Optional<UsageException> unknown = ids.awaitKnown();
        call.run();
        unknown.ifPresent(cause -> {
            throw asWrittenOnly(cause);
        });
    }

    private CompletionStage<Void> invalidateAsync(Supplier<CompletionStage<Void>> call) {
        CompletableFuture<Void> known = ids.known();
        if (known.isDone() && !known.isCompletedExceptionally()) {
            return call.get();
        }
        return known.handle((done, error) -> Optional.ofNullable(error).map(OrganisationIds::failure))
                .thenComposeAsync(unknown -> call.get()
                        .thenAccept(done -> unknown.ifPresent(cause -> {
                            throw asWrittenOnly(cause);
                        })));
    }

    private static UsageResult as(String organisationId, UsageResult result) {
        return result.key().organisationId().equals(organisationId)
                ? result
                : result.withOrganisationId(organisationId);
    }

    @Override
    public UsageResult get(String organisationId, UsagePeriod period) {
        ids.awaitReady();
        String canonical = ids.canonical(organisationId);
        UsageResult result = service.get(canonical, period);
        return canonical.equals(organisationId) ? result : as(organisationId, result);
    }

    @Override
    public CompletionStage<UsageResult> getAsync(String organisationId, UsagePeriod period) {
        UsageKey.checkOrganisationId(organisationId);
        return whenReady(() -> under(organisationId, id -> service.getAsync(id, period)));
    }

    private CompletionStage<UsageResult> under(
            String organisationId, Function<String, CompletionStage<UsageResult>> call) {
        String canonical = ids.canonical(organisationId);
        CompletionStage<UsageResult> stage = call.apply(canonical);
        return canonical.equals(organisationId) ? stage : stage.thenApply(result -> as(organisationId, result));
    }

    @Override
    public UsageResult refresh(String organisationId, UsagePeriod period) {
        ids.awaitReady();
        return as(organisationId, service.refresh(ids.canonical(organisationId), period));
    }

    @Override
    public CompletionStage<UsageResult> refreshAsync(String organisationId, UsagePeriod period) {
        UsageKey.checkOrganisationId(organisationId);
        return whenReady(() -> under(organisationId, id -> service.refreshAsync(id, period)));
    }

    /**
     * Ids as callers wrote them.
     *
     * @param canonical those that the source can hold, as it writes them
     * @param malformed what is wrong with the others
     */
    private record Spellings(
            Set<String> requested, Map<String, String> canonical, Map<String, UsageException> malformed) {

        boolean areCanonical() {
            return malformed.isEmpty()
                    && canonical.entrySet().stream()
                            .allMatch(one -> one.getKey().equals(one.getValue()));
        }

        Collection<String> ids() {
            return canonical.values();
        }

        UsageResults under(UsageResults results, UsagePeriod period) {
            Map<UsageKey, UsageResult> known = new LinkedHashMap<>();
            Map<UsageKey, UsageException> failures = new LinkedHashMap<>();
            for (String id : requested) {
                String written = canonical.get(id);
                UsageKey own = new UsageKey(id, period);
                UsageKey key = written == null ? own : new UsageKey(written, period);
                UsageResult result = results.results().get(key);
                UsageException failure =
                        written == null ? malformed.get(id) : results.failures().get(key);
                if (written != null && result != null) {
                    known.put(own, as(id, result));
                } else if (failure != null) {
                    failures.put(own, failure);
                }
            }
            return new UsageResults(known, failures);
        }

        WarmResult under(WarmResult result) {
            Map<String, UsageException> failures = new LinkedHashMap<>();
            for (String id : requested) {
                String written = canonical.get(id);
                UsageException failure =
                        written == null ? malformed.get(id) : result.failures().get(written);
                if (failure != null) {
                    failures.put(id, failure);
                }
            }
            return new WarmResult(result.fresh(), result.computed(), Collections.unmodifiableMap(failures));
        }
    }

    /** An id that the source can't hold fails by itself, so that the others are computed. */
    private Spellings spellings(Collection<String> organisationIds) {
        Set<String> requested = new LinkedHashSet<>(organisationIds);
        Map<String, String> canonical = new LinkedHashMap<>();
        Map<String, UsageException> malformed = new LinkedHashMap<>();
        for (String id : requested) {
            UsageKey.checkOrganisationId(id);
            try {
                canonical.put(id, ids.canonical(id));
            } catch (IllegalArgumentException e) {
                malformed.put(id, UsageCalculationException.permanent(String.valueOf(e.getMessage()), e));
            }
        }
        return new Spellings(requested, canonical, malformed);
    }

    @Override
    public UsageResults getAll(Collection<String> organisationIds, UsagePeriod period) {
        ids.awaitReady();
        Spellings spellings = spellings(organisationIds);
        return spellings.areCanonical()
                ? service.getAll(organisationIds, period)
                : spellings.under(service.getAll(spellings.ids(), period), period);
    }

    @Override
    public CompletionStage<UsageResults> getAllAsync(Collection<String> organisationIds, UsagePeriod period) {
        Set<String> all = new LinkedHashSet<>(organisationIds);
        all.forEach(UsageKey::checkOrganisationId);
        return whenReady(() -> {
            Spellings spellings = spellings(all);
            return spellings.areCanonical()
                    ? service.getAllAsync(all, period)
                    : service.getAllAsync(spellings.ids(), period)
                            .thenApply(results -> spellings.under(results, period));
        });
    }

    @Override
    public UsageResults get(String organisationId, Collection<UsagePeriod> periods) {
        ids.awaitReady();
        return under(organisationId, service.get(ids.canonical(organisationId), periods));
    }

    @Override
    public CompletionStage<UsageResults> getAsync(String organisationId, Collection<UsagePeriod> periods) {
        UsageKey.checkOrganisationId(organisationId);
        return whenReady(() -> service.getAsync(ids.canonical(organisationId), periods)
                .thenApply(results -> under(organisationId, results)));
    }

    private static UsageResults under(String organisationId, UsageResults results) {
        Map<UsageKey, UsageResult> known = new LinkedHashMap<>();
        results.results()
                .forEach((key, result) ->
                        known.put(new UsageKey(organisationId, key.period()), as(organisationId, result)));
        Map<UsageKey, UsageException> failures = new LinkedHashMap<>();
        results.failures().forEach((key, failure) -> failures.put(new UsageKey(organisationId, key.period()), failure));
        return new UsageResults(known, failures);
    }

    @Override
    public void invalidate(String organisationId, UsagePeriod period) {
        invalidate(() -> service.invalidate(ids.canonical(organisationId), period));
    }

    @Override
    public CompletionStage<Void> invalidateAsync(String organisationId, UsagePeriod period) {
        UsageKey.checkOrganisationId(organisationId);
        return invalidateAsync(() -> service.invalidateAsync(ids.canonical(organisationId), period));
    }

    @Override
    public void invalidate(String organisationId) {
        invalidate(() -> service.invalidate(ids.canonical(organisationId)));
    }

    @Override
    public CompletionStage<Void> invalidateAsync(String organisationId) {
        UsageKey.checkOrganisationId(organisationId);
        return invalidateAsync(() -> service.invalidateAsync(ids.canonical(organisationId)));
    }

    @Override
    public WarmResult warm(Collection<String> organisationIds, UsagePeriod period) {
        ids.awaitReady();
        Spellings spellings = spellings(organisationIds);
        return spellings.under(service.warm(spellings.ids(), period));
    }

    @Override
    public CompletionStage<WarmResult> warmAsync(Collection<String> organisationIds, UsagePeriod period) {
        Set<String> all = new LinkedHashSet<>(organisationIds);
        all.forEach(UsageKey::checkOrganisationId);
        return whenReady(() -> {
            Spellings spellings = spellings(all);
            return service.warmAsync(spellings.ids(), period).thenApply(spellings::under);
        });
    }

    @Override
    public UsageService with(MissPolicy missPolicy) {
        return new CanonicalIdService(service.with(missPolicy), ids);
    }

    @Override
    public Stats stats() {
        return service.stats();
    }

    @Override
    public void close() {
        service.close();
    }
}
