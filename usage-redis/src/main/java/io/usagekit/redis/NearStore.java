package io.usagekit.redis;

import io.usagekit.UsageKey;
import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentMap;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Figures in this process's memory, and the loads in flight that will replace them. A load registers before its read is sent,
 * and its figure is stored only if the load is still registered. Whatever removes a key removes its load as well, so a figure
 * that was read before a change and arrives after its invalidation message is dropped. There is no lock: each step is one
 * atomic operation of the map.
 */
class NearStore {

    /** Value at a key. Compared by identity. */
    sealed interface Slot permits NearEntry, Pending {}

    /** Load in flight, which is also the token required for storing its figure. */
    static final class Pending implements Slot {
        private final UsageKey key;
        private final CompletableFuture<Optional<NearEntry>> answer = new CompletableFuture<>();
        /** Entry that the load replaces: the fallback copy if the load fails. Written before the load is in the map. */
        private @Nullable NearEntry previous;

        Pending(UsageKey key) {
            this.key = key;
        }

        UsageKey key() {
            return key;
        }

        /** Result of the load, for all callers that wait for it. */
        CompletableFuture<Optional<NearEntry>> answer() {
            return answer;
        }
    }

    /** Figures of a step of a removal, which takes well under a millisecond. */
    static final int REMOVAL_STEP = 1_000;

    private final ConcurrentMap<UsageKey, Slot> slots;

    NearStore(ConcurrentMap<UsageKey, Slot> slots) {
        this.slots = slots;
    }

    /** Returns the entry at this key, unless a load is replacing it. */
    @Nullable
    NearEntry entry(UsageKey key) {
        return slots.get(key) instanceof NearEntry entry ? entry : null;
    }

    /** Returns the entry at this key, also while a load is replacing it. */
    @Nullable
    NearEntry fallback(UsageKey key) {
        return entryOf(slots.get(key));
    }

    /** Registers a load. Returns this load, or the one that is already registered for the same key. */
    Pending register(Pending load) {
        while (true) {
            Slot current = slots.get(load.key);
            if (current instanceof Pending other) {
                return other;
            }
            load.previous = entryOf(current);
            boolean registered = current == null
                    ? slots.putIfAbsent(load.key, load) == null
                    : slots.replace(load.key, current, load);
            if (registered) {
                return load;
            }
        }
    }

    /**
     * Stores the figure of a load, unless the key was removed since the load registered, or the entry before it is a younger figure
     * that couldn't be stored in Redis: that one stays as the fallback copy. A write that failed here may have been executed all the same:
     * then the load has found that figure, with an age that is a little higher.
     */
    void complete(Pending load, NearEntry entry) {
        NearEntry previous = load.previous;
        boolean isOlder = previous != null
                && previous.isUnstored()
                && previous.isYoungerThan(entry)
                && !previous.isSameFigureAs(entry);
        slots.replace(load.key, load, isOlder ? previous : entry);
    }

    /** Removes a load that found no figure; the entry before it stays if it is alive and couldn't be stored in Redis. */
    void completeEmpty(Pending load, long now) {
        NearEntry previous = load.previous;
        if (previous == null || !previous.isUnstored() || !previous.isAlive(now)) {
            slots.remove(load.key, load);
        } else {
            slots.replace(load.key, load, previous);
        }
    }

    /** Replaces a failed load by the entry before it, unless the key was removed since the load registered. */
    void fail(Pending load) {
        NearEntry previous = load.previous;
        if (previous == null) {
            slots.remove(load.key, load);
        } else {
            slots.replace(load.key, load, previous);
        }
    }

    /** Stores an entry unconditionally; the figure of a load in flight is then dropped. */
    void put(UsageKey key, NearEntry entry) {
        slots.put(key, entry);
    }

    void remove(UsageKey key) {
        slots.remove(key);
    }

    void removeIf(Predicate<UsageKey> condition) {
        slots.keySet().removeIf(condition);
    }

    /**
     * Returns the removal of all figures and loads that fulfil a condition, to be run step by step: each step returns whether there is more. What is stored
     * meanwhile may be left out.
     */
    BooleanSupplier removal(Predicate<UsageKey> condition) {
        Iterator<UsageKey> keys = slots.keySet().iterator();
        return () -> {
            for (int looks = 0; looks < REMOVAL_STEP && keys.hasNext(); looks++) {
                UsageKey key = keys.next();
                if (condition.test(key)) {
                    slots.remove(key);
                }
            }
            return keys.hasNext();
        };
    }

    /** Removes all loads, and all figures but those that couldn't be stored in Redis. */
    void removeStored() {
        for (UsageKey key : slots.keySet()) {
            slots.computeIfPresent(key, (same, slot) -> {
                NearEntry entry = entryOf(slot);
                return entry != null && entry.isUnstored() ? entry : null;
            });
        }
    }

    /** Returns about how many figures and loads in flight it holds. */
    int size() {
        return slots.size();
    }

    void clear() {
        slots.clear();
    }

    private static @Nullable NearEntry entryOf(@Nullable Slot slot) {
        return slot instanceof Pending load ? load.previous : (NearEntry) slot;
    }
}
