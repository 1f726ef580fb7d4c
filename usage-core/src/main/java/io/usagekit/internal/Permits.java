package io.usagekit.internal;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
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

    /** A holder of one permit for several organisations. */
    public interface BatchHolder extends Holder {
        /**
         * These organisations take part; the others have no permit left. Called once, before any other method and within
         * {@link #requestFor}; doesn't call anything of the permits.
         */
        void admitted(Set<String> organisationIds);
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
        private final List<Organisation> organisations;
        private final Holder holder;
        private final AtomicBoolean over = new AtomicBoolean();
        private boolean holds;

        private Ticket(List<Organisation> organisations, Holder holder) {
            this.organisations = organisations;
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
            ticket = new Ticket(List.of(organisation), holder);
            granted = running < total && isFree(organisation);
            if (!granted && !enqueue(ticket, urgency)) {
                return Optional.empty();
            }
            if (granted) {
                grant(ticket);
            }
        } finally {
            lock.unlock();
        }
        if (granted) {
            holder.granted();
        }
        return Optional.of(ticket);
    }

    /**
     * Requests one permit for several organisations: one of all permits, and one of each organisation. Organisations that have none
     * left, or for which others wait, take no part; so this request waits for none of them.
     *
     * @return empty if no organisation takes part, or there is no permit and it can't wait
     */
    public Optional<Ticket> requestFor(Set<String> organisationIds, Urgency urgency, BatchHolder holder) {
        Ticket ticket;
        boolean granted;
        lock.lock();
        try {
            if (closed) {
                holder.admitted(organisationIds);
                return Optional.empty();
            }
            Set<String> admitted = new LinkedHashSet<>();
            List<Organisation> free = new ArrayList<>();
            for (String id : organisationIds) {
                Organisation organisation = organisations.computeIfAbsent(id, Organisation::new);
                if (isFree(organisation)) {
                    admitted.add(id);
                    free.add(organisation);
                }
            }
            holder.admitted(admitted);
            if (free.isEmpty()) {
                return Optional.empty();
            }
            ticket = new Ticket(free, holder);
            granted = running < total;
            if (!granted && !enqueue(ticket, urgency)) {
                return Optional.empty();
            }
            if (granted) {
                grant(ticket);
            }
        } finally {
            lock.unlock();
        }
        if (granted) {
            holder.granted();
        }
        return Optional.of(ticket);
    }

    private boolean isFree(Organisation organisation) {
        return organisation.running < perOrganisation && organisation.queue.isEmpty();
    }

    private boolean enqueue(Ticket ticket, Urgency urgency) {
        if (urgency == Urgency.NOW_OR_NOT || waiting >= maxWaiting) {
            ticket.organisations.forEach(this::forgetIfIdle);
            return false;
        }
        waiting++;
        ticket.organisations.forEach(organisation -> organisation.queue.add(ticket));
        ticket.organisations.forEach(this::update);
        return true;
    }

    private void end(Ticket ticket) {
        List<Ticket> next = new ArrayList<>();
        lock.lock();
        try {
            if (ticket.holds) {
                running--;
                ticket.organisations.forEach(organisation -> organisation.running--);
            } else if (ticket.organisations.get(0).queue.contains(ticket)) {
                waiting--;
                ticket.organisations.forEach(organisation -> organisation.queue.remove(ticket));
            }
            ticket.organisations.forEach(this::update);
            ticket.organisations.forEach(this::forgetIfIdle);
            // A ticket of several organisations makes room for one of each.
            for (Ticket one = next(); one != null; one = next()) {
                next.add(one);
            }
        } finally {
            lock.unlock();
        }
        next.forEach(this::call);
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
        Ticket ticket = ready.iterator().next().queue.iterator().next();
        ready.removeAll(ticket.organisations);
        ticket.organisations.forEach(organisation -> organisation.queue.remove(ticket));
        waiting--;
        grant(ticket);
        ticket.organisations.forEach(this::update);
        return ticket;
    }

    private void grant(Ticket ticket) {
        ticket.holds = true;
        running++;
        ticket.organisations.forEach(organisation -> organisation.running++);
    }

    private void update(Organisation organisation) {
        if (isReady(organisation)) {
            ready.add(organisation);
        } else {
            ready.remove(organisation);
        }
    }

    /** Whether the organisation's first ticket lacks nothing but one of all permits. The oldest ticket of all is first in each of its queues. */
    private boolean isReady(Organisation organisation) {
        if (organisation.queue.isEmpty()) {
            return false;
        }
        Ticket first = organisation.queue.iterator().next();
        return first.organisations.stream()
                .allMatch(each ->
                        each.running < perOrganisation && each.queue.iterator().next() == first);
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
        Set<Ticket> refused = new LinkedHashSet<>();
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
