package io.usagekit.postgres.internal.cache;

import io.usagekit.FlightStore.Registration;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Actions of loads that wait, and the messages that wake them. Thread-safe. */
final class WakeUps {

    private static final Logger LOG = LoggerFactory.getLogger("io.usagekit.postgres.PostgresUsage");

    /** What a message about all windows of an organisation begins with. */
    private static final String EVERY_WINDOW = "* ";

    /** Registered action, compared by identity: the same action may be registered twice. */
    private static final class Waiter {
        private final Runnable action;

        Waiter(Runnable action) {
            this.action = action;
        }

        void wake() {
            try {
                action.run();
            } catch (Throwable e) { // the other waiters are woken all the same
                LOG.error("a wake-up action threw; the load that waits polls instead", e);
            }
        }
    }

    private final ConcurrentHashMap<UsageKey, List<Waiter>> waiters = new ConcurrentHashMap<>();

    /** Returns the message about a key: both ends of its window, and its organisation. */
    static String message(UsageKey key) {
        return key.period().start() + " " + key.period().end() + " " + key.organisationId();
    }

    /** Returns the message about all windows of an organisation. */
    static String message(String organisationId) {
        return EVERY_WINDOW + organisationId;
    }

    /** Registers an action to run at each message about a key. */
    Registration register(UsageKey key, Runnable action) {
        Waiter waiter = new Waiter(action);
        waiters.merge(
                key,
                List.of(waiter),
                (some, one) -> Stream.concat(some.stream(), one.stream()).toList());
        return () -> waiters.computeIfPresent(key, (same, all) -> {
            List<Waiter> others = all.stream().filter(one -> one != waiter).toList();
            return others.isEmpty() ? null : others;
        });
    }

    /** Runs the actions that a message is for; none, if it isn't one of this library's. */
    void wake(String message) {
        if (message.startsWith(EVERY_WINDOW)) {
            String organisation = message.substring(EVERY_WINDOW.length());
            waiters.forEach((key, all) -> {
                if (key.organisationId().equals(organisation)) {
                    all.forEach(Waiter::wake);
                }
            });
            return;
        }
        String[] parts = message.split(" ", 3);
        if (parts.length == 3) {
            try {
                UsagePeriod window = UsagePeriod.between(Instant.parse(parts[0]), Instant.parse(parts[1]));
                waiters.getOrDefault(new UsageKey(parts[2], window), List.of()).forEach(Waiter::wake);
            } catch (DateTimeException | IllegalArgumentException e) {
                LOG.debug("a notification isn't a wake-up: {}", message, e);
            }
        }
    }

    /** Runs all actions: messages may have been lost. */
    void wakeAll() {
        waiters.values().forEach(all -> all.forEach(Waiter::wake));
    }
}
