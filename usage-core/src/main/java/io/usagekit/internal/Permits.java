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
 * Limits how many computations run at a time, in total and per organisation, and how many wait. No thread blocks: a waiting
 * holder is called back. Organisations take turns, so that one with a hundred windows doesn't hold up the others.
 * Thread-safe.
 */
public final class Permits {

    /** A request's callback. */
    public interface Holder {
        /** The permit is granted; at once, on the requesting thread, or later, on the one that releases a permit. Doesn't throw. */
        void granted();

        /** The permit will never be granted, since this was closed. */
        void refused();
    }

    /** Whether a request waits in the queue or is refused where there is no permit at once. */
    public enum Urgency {
        /** It waits. */
        WAITS,
        /** It is refused at once. */
        NOW_OR_NOT
    }

    /** Granted tickets that the thread has still to call back. */
    private static final ThreadLocal<@Nullable Queue<Ticket>> CALLING = new ThreadLocal<>();

    private final int total;
    private final int perOrganisation;
    private final int maxWaiting;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<String, Organisation> organisations = new HashMap<>();
    /** Organisations with a waiting ticket and a permit left, in turn. */
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

    /** One request: it waits, holds a permit, or has ended. */
    public final class Ticket {
        private final Organisation organisation;
        private final Holder holder;
        private final AtomicBoolean over = new AtomicBoolean();
        private boolean holds;

        private Ticket(Organisation organisation, Holder holder) {
            this.organisation = organisation;
            this.holder = holder;
        }

        /** Releases the permit, or stops waiting for it. Idempotent. */
        public void close() {
            if (over.compareAndSet(false, true)) {
                end(this);
            }
        }
    }

    /**
     * Requests a permit.
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
            call(next);
        }
    }

    /** Calls holders one after the other: those that release their permits at once would otherwise nest as deep as the queue is long. */
    private void call(Ticket granted) {
        Queue<Ticket> others = CALLING.get();
        if (others != null) {
            others.add(granted);
            return;
        }
        Queue<Ticket> pending = new ArrayDeque<>();
        CALLING.set(pending);
        try {
            for (Ticket ticket = granted; ticket != null; ticket = pending.poll()) {
                ticket.holder.granted();
            }
        } finally {
            CALLING.remove();
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

    /** Returns how many permits are granted and not yet released. */
    public int inUse() {
        lock.lock();
        try {
            return running;
        } finally {
            lock.unlock();
        }
    }

    /** Returns how many requests wait. */
    public int waiting() {
        lock.lock();
        try {
            return waiting;
        } finally {
            lock.unlock();
        }
    }

    /** Whether no ticket runs or waits, and no organisation is retained. */
    boolean isIdle() {
        lock.lock();
        try {
            return running == 0 && waiting == 0 && organisations.isEmpty() && ready.isEmpty();
        } finally {
            lock.unlock();
        }
    }

    /** Refuses all waiting and all later requests. Idempotent. */
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
