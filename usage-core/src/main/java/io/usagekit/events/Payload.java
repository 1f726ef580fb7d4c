package io.usagekit.events;

import java.util.Arrays;
import java.util.Objects;

/**
 * What an event carries: text, bytes, or both; its size is that of both together. Immutable.
 *
 * @since 0.1
 */
public final class Payload {

    /** Nothing. */
    public static final Payload EMPTY = new Payload("", new byte[0]);

    private final String raw;
    private final byte[] data;

    private Payload(String raw, byte[] data) {
        this.raw = raw;
        this.data = data;
    }

    /**
     * Text only.
     *
     * @throws IllegalArgumentException if it has U+0000 or an unpaired surrogate, which PostgreSQL can't hold
     */
    public static Payload of(String raw) {
        return new Payload(Bounds.storable("raw", raw), EMPTY.data);
    }

    /** Bytes only. They are copied. */
    public static Payload of(byte[] data) {
        return new Payload("", data.clone());
    }

    /** Text, as in {@link #of(String)}, and bytes, which are copied. */
    public static Payload of(String raw, byte[] data) {
        return new Payload(Bounds.storable("raw", raw), data.clone());
    }

    /** The text; empty if there is none. */
    public String raw() {
        return raw;
    }

    /** The bytes, in an array of the caller's own; empty if there are none. */
    public byte[] data() {
        return data.clone();
    }

    /** The octets of both, with the text in UTF-8. */
    public long octets() {
        return (long) Bounds.octets(raw) + data.length;
    }

    /** Bean form of {@link #raw()}: a mapper prints the whole payload, not an empty object. */
    public String getRaw() {
        return raw;
    }

    /** Bean form of {@link #data()}, which a mapper prints in Base64. */
    public byte[] getData() {
        return data();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Payload that && raw.equals(that.raw) && Arrays.equals(data, that.data);
    }

    @Override
    public int hashCode() {
        return Objects.hash(raw, Arrays.hashCode(data));
    }

    /** For logs: its size, not its content. */
    @Override
    public String toString() {
        return octets() + " octets";
    }
}
