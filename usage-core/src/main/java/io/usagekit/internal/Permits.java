package io.usagekit.internal;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * How many computations run at a time, of all and of one organisation, and how many wait. Nobody blocks: who waits is called.
 * Organisations take turns, so that one that asks for a hundred windows doesn't hold up the others. Thread-safe.
 */
public final class Permits {

    /** What wants to run. */
    public interface Holder {
        /** It may; at once, on the thread that asks, or later, on the one that gives a permit back. Doesn't throw. */
        void granted();

        /** It never will, since this was closed. */
        void refused();
    }

    /** Who waits goes into the queue; who doesn't is refused where there is no permit at once. */
    public enum Urgency {
        /** Somebody waits for it. */
        WAITS,
        /** It can as well be done another time. */
        NOW_OR_NOT
    }

    /** Whom the thread has still to tell that they may run. */
    private static final ThreadLocal<@Nullable Queue<Ticket>> TELLING = new ThreadLocal<>();

    private final int total;
    private final int perOrganisation;
    private final int maxWaiting;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<String, Organisation> organisations = new HashMap<>();
    /** Those with somebody waiting and a permit of their own left, in turn. */
    private final LinkedHashSet<Organisation> ready = new LinkedHashSet<>();

    private int running;
    private int waiting;
    private boolean closed;

    public Permits(int total, int perOrganisation, int maxWaiting) {
        this.total = total;
        this.perOrganisation = perOrganisation;
        this.maxWaiting = maxWaiting;
    }

    private static final class Organisation {
        final String id;
        final LinkedHashSet<Ticket> queue = new LinkedHashSet<>();
        int running;

        Organisation(String id) {
            this.id = id;
        }
    }

    /** One request: it waits, holds a permit, or is over. */
    public final class Ticket {
        private final Organisation organisation;
        private final Holder holder;
        private final AtomicBoolean over = new AtomicBoolean();
        private boolean holds;

        private Ticket(Organisation organisation, Holder holder) {
            this.organisation = organisation;
            this.holder = holder;
        }

        /** Gives the permit back, or stops waiting for it. Idempotent. */
        public void close() {
            if (over.compareAndSet(false, true)) {
                end(this);
            }
        }
    }

    /**
     * Asks for a permit.
     *
     * @return empty if there is none and it can't wait: the queue is full, or it isn't for waiting
     */
    public Optional<Ticket> request(String organisationId, Urgency urgency, Holder holder) {
        Ticket ticket;
        boolean granted;
        lock.lock();
        try {
            if (closed) {
                return Optional.empty();
            }
            Organisation organisation = organisations.computeIfAbsent(organisationId, Organisation::new);
            ticket = new Ticket(organisation, holder);
            granted = running < total && organisation.running < perOrganisation && organisation.queue.isEmpty();
            if (granted) {
                grant(ticket);
            } else if (urgency == Urgency.NOW_OR_NOT || waiting >= maxWaiting) {
                forgetIfIdle(organisation);
                return Optional.empty();
            } else {
                waiting++;
                organisation.queue.add(ticket);
                update(organisation);
            }
        } finally {
            lock.unlock();
        }
        if (granted) {
            holder.granted();
        }
        return Optional.of(ticket);
    }

    private void end(Ticket ticket) {
        @Nullable Ticket next = null;
        lock.lock();
        try {
            Organisation organisation = ticket.organisation;
            if (ticket.holds) {
                running--;
                organisation.running--;
            } else if (organisation.queue.remove(ticket)) {
                waiting--;
            }
            update(organisation);
            forgetIfIdle(organisation);
            next = next();
        } finally {
            lock.unlock();
        }
        if (next != null) {
            tell(next);
        }
    }

    /** One after the other: holders that give their permits back at once would otherwise nest as deep as the queue is long. */
    private void tell(Ticket granted) {
        Queue<Ticket> others = TELLING.get();
        if (others != null) {
            others.add(granted);
            return;
        }
        Queue<Ticket> untold = new ArrayDeque<>();
        TELLING.set(untold);
        try {
            for (Ticket ticket = granted; ticket != null; ticket = untold.poll()) {
                ticket.holder.granted();
            }
        } finally {
            TELLING.remove();
        }
    }

    private @Nullable Ticket next() {
        if (running >= total || ready.isEmpty()) {
            return null;
        }
        Organisation organisation = ready.iterator().next();
        ready.remove(organisation);
        Ticket ticket = organisation.queue.iterator().next();
        organisation.queue.remove(ticket);
        waiting--;
        grant(ticket);
        update(organisation);
        return ticket;
    }

    private void grant(Ticket ticket) {
        ticket.holds = true;
        running++;
        ticket.organisation.running++;
    }

    private void update(Organisation organisation) {
        if (organisation.queue.isEmpty() || organisation.running >= perOrganisation) {
            ready.remove(organisation);
        } else {
            ready.add(organisation);
        }
    }

    private void forgetIfIdle(Organisation organisation) {
        if (organisation.running == 0 && organisation.queue.isEmpty()) {
            organisations.remove(organisation.id, organisation);
        }
    }

    /** How many wait. */
    public int waiting() {
        lock.lock();
        try {
            return waiting;
        } finally {
            lock.unlock();
        }
    }

    /** Whether nobody runs or waits, and nothing is remembered of those who did. */
    boolean isIdle() {
        lock.lock();
        try {
            return running == 0 && waiting == 0 && organisations.isEmpty() && ready.isEmpty();
        } finally {
            lock.unlock();
        }
    }

    /** Refuses all who wait and all who come. Idempotent. */
    public void close() {
        List<Ticket> refused = new ArrayList<>();
        lock.lock();
        try {
            closed = true;
            organisations.values().forEach(organisation -> {
                refused.addAll(organisation.queue);
                organisation.queue.clear();
            });
            ready.clear();
            waiting = 0;
        } finally {
            lock.unlock();
        }
        refused.forEach(ticket -> ticket.holder.refused());
    }
}
