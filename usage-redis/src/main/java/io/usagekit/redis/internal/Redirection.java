package io.usagekit.redis.internal;

import io.lettuce.core.RedisCommandExecutionException;
import java.util.List;
import java.util.Optional;

/**
 * Reply of a node that doesn't execute a command since another node has the keys, or none has.
 *
 * @param kind what the node says
 * @param address of the other node, {@code host:port}; empty if the reply names none
 */
record Redirection(Kind kind, String address) {

    /** What a node says. */
    enum Kind {
        /** Another node has the slot. */
        MOVED,
        /** Another node is receiving the slot, and may have the key. */
        ASK,
        /** Some keys of the command have been moved to the other node, and some haven't. */
        TRYAGAIN,
        /** The slot, or the cluster as a whole, isn't served. */
        CLUSTERDOWN
    }

    /**
     * Returns the address of the other node, empty if the reply names none. A reply without a host, or with an unknown one, means that of the
     * node that has given it.
     */
    Optional<String> addressSeenFrom(String node) {
        int port = address.lastIndexOf(':');
        if (port < 0) {
            return Optional.empty();
        }
        String host = address.substring(0, port);
        return Optional.of(
                host.isEmpty() || host.equals("?")
                        ? node.substring(0, node.lastIndexOf(':')) + address.substring(port)
                        : address);
    }

    /** Whether an error is such a reply. */
    static boolean isIn(Throwable error) {
        return of(error).isPresent();
    }

    /** Returns the reply that an error, or its cause, is about. */
    static Optional<Redirection> of(Throwable error) {
        Throwable reply = error;
        while (reply != null && !(reply instanceof RedisCommandExecutionException)) {
            reply = reply.getCause();
        }
        List<String> words = reply == null
                ? List.of()
                : List.of(String.valueOf(reply.getMessage()).split(" "));
        for (Kind kind : Kind.values()) {
            if (!words.isEmpty() && words.get(0).equals(kind.name())) {
                boolean namesNode = kind == Kind.MOVED || kind == Kind.ASK;
                return Optional.of(new Redirection(kind, namesNode && words.size() > 2 ? words.get(2) : ""));
            }
        }
        return Optional.empty();
    }
}
