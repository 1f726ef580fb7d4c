package io.usagekit.redis;

import io.usagekit.UsageKey;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Figures in memory, and the loads that are to bring others. A load registers before its read is sent, and what it has read
 * is kept only if it is registered still: whatever removes a key removes the load with it, so that a figure that was read
 * before a change and comes after the news of it isn't kept. Nothing is locked; each step is one of the map's own.
 */
class NearStore {

    /** What is at a key. Compared by identity. */
    sealed interface Slot permits NearEntry, Pending {}

    /** A load under way: the token without which nothing is kept. */
    static final class Pending implements Slot {
        private final UsageKey key;
        private final CompletableFuture<Optional<NearEntry>> answer = new CompletableFuture<>();
        /** What was there: the fallback copy, should the load fail. Written before the token is in the map. */
        private @Nullable NearEntry before;

        Pending(UsageKey key) {
            this.key = key;
        }

        UsageKey key() {
            return key;
        }

        /** What the load brings, for everyone who waits for it. */
        CompletableFuture<Optional<NearEntry>> answer() {
            return answer;
        }
    }

    private final ConcurrentMap<UsageKey, Slot> slots;

    NearStore(ConcurrentMap<UsageKey, Slot> slots) {
        this.slots = slots;
    }

    /** The figure at this key, if no load is about to replace it. */
    @Nullable
    NearEntry figure(UsageKey key) {
        return slots.get(key) instanceof NearEntry figure ? figure : null;
    }

    /** The figure at this key, also if a load is about to replace it. */
    @Nullable
    NearEntry fallback(UsageKey key) {
        return figureOf(slots.get(key));
    }

    /** Registers a load. Returns it, or the one that is registered already and brings the same. */
    Pending register(Pending load) {
        while (true) {
            Slot there = slots.get(load.key);
            if (there instanceof Pending other) {
                return other;
            }
            load.before = figureOf(there);
            boolean registered =
                    there == null ? slots.putIfAbsent(load.key, load) == null : slots.replace(load.key, there, load);
            if (registered) {
                return load;
            }
        }
    }

    /** Keeps what a load has read, unless the key was removed since the load registered. */
    void put(Pending load, NearEntry figure) {
        slots.replace(load.key, load, figure);
    }

    /** A load has read that there is nothing. */
    void putNothing(Pending load) {
        slots.remove(load.key, load);
    }

    /** A load has failed: what was there before is there again, unless the key was removed since. */
    void withdraw(Pending load) {
        NearEntry before = load.before;
        if (before == null) {
            slots.remove(load.key, load);
        } else {
            slots.replace(load.key, load, before);
        }
    }

    /** Keeps a figure, whatever is there; a load that is under way isn't kept. */
    void keep(UsageKey key, NearEntry figure) {
        slots.put(key, figure);
    }

    void remove(UsageKey key) {
        slots.remove(key);
    }

    void removeIf(Predicate<UsageKey> condition) {
        slots.keySet().removeIf(condition);
    }

    void clear() {
        slots.clear();
    }

    private static @Nullable NearEntry figureOf(@Nullable Slot slot) {
        return slot instanceof Pending load ? load.before : (NearEntry) slot;
    }
}
