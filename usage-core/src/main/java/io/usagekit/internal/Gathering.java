package io.usagekit.internal;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * Gathers what several members bring, and acts on it once, when all of them have arrived or left. Doesn't block. Thread-safe.
 *
 * @param <T> what a member brings
 */
final class Gathering<T> {

    private final ReentrantLock lock = new ReentrantLock();
    private final Consumer<List<T>> action;
    private final List<T> arrived = new ArrayList<>();
    /** Members that have neither arrived nor left, and one more until it is sealed. */
    private int outstanding = 1;

    private boolean over;

    Gathering(Consumer<List<T>> action) {
        this.action = action;
    }

    /** Adds a member, before the gathering is sealed. */
    void expect() {
        lock.lock();
        try {
            outstanding++;
        } finally {
            lock.unlock();
        }
    }

    /** Adds no more members. */
    void seal() {
        leave();
    }

    /** A member leaves without bringing anything. */
    void leave() {
        boolean isLast;
        lock.lock();
        try {
            isLast = departed();
        } finally {
            lock.unlock();
        }
        if (isLast) {
            action.accept(arrived);
        }
    }

    /**
     * A member arrives.
     *
     * @return whether the action receives what it brings; it doesn't once the gathering is {@linkplain #end over}
     */
    boolean arrive(T brought) {
        boolean isLast;
        lock.lock();
        try {
            if (over) {
                return false;
            }
            arrived.add(brought);
            isLast = departed();
        } finally {
            lock.unlock();
        }
        if (isLast) {
            action.accept(arrived);
        }
        return true;
    }

    private boolean departed() {
        outstanding--;
        boolean isLast = outstanding == 0 && !over;
        over |= isLast;
        return isLast;
    }

    /** Waits for no more members: acts on what has arrived by now, unless it has acted already. */
    void end() {
        lock.lock();
        try {
            if (over) {
                return;
            }
            over = true;
        } finally {
            lock.unlock();
        }
        action.accept(arrived);
    }
}
