package io.usagekit.events.spi;

import io.usagekit.internal.Arguments;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.Base64;
import java.util.concurrent.TimeUnit;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Cursors as texts: base64url (RFC 4648) of a version, a direction, a place, a digest of the question and a code of all that
 * (HMAC, RFC 2104). A cursor gives nobody access to anything; the code is there so that a text that isn't one of ours, or has
 * been altered, is an error rather than another page.
 */
final class Cursors {

    /** Direction of a cursor, in the order of its page. */
    enum Move {
        FORWARD((byte) 1),
        BACKWARD((byte) 2);

        private final byte code;

        Move(byte code) {
            this.code = code;
        }
    }

    /** Target of a cursor: the rows after or before a position. */
    record Place(Move move, Scan.Position position) {}

    private static final byte VERSION = 1;
    private static final int DIGEST_OCTETS = 8;
    private static final int CODE_OCTETS = 12;
    private static final int HEAD_OCTETS = 1 + 1 + Long.BYTES + DIGEST_OCTETS;
    private static final int MAX_LENGTH = 4_096;

    private static final Instant LAST = Instant.EPOCH.plus(Long.MAX_VALUE, ChronoUnit.MICROS);
    private static final Instant FIRST = Instant.EPOCH.plus(Long.MIN_VALUE, ChronoUnit.MICROS);

    private final SecretKeySpec key;

    Cursors(byte[] secret) {
        key = new SecretKeySpec(secret, "HmacSHA256");
    }

    /**
     * A cursor.
     *
     * @param scope canonical text of the query that the cursor belongs to
     */
    String encode(String scope, Place place) {
        byte[] id = place.position().id().getBytes(StandardCharsets.UTF_8);
        byte[] body = ByteBuffer.allocate(HEAD_OCTETS + id.length)
                .put(VERSION)
                .put(place.move().code)
                .putLong(micros(place.position().createdAt()))
                .put(digest(scope))
                .put(id)
                .array();
        return Base64.getUrlEncoder()
                .withoutPadding()
                .encodeToString(ByteBuffer.allocate(body.length + CODE_OCTETS)
                        .put(body)
                        .put(code(body))
                        .array());
    }

    /**
     * Reads one.
     *
     * @throws IllegalArgumentException if it is none of ours, has been altered, or belongs to another question
     */
    Place decode(String cursor, String scope) {
        byte[] octets = octets(cursor);
        byte[] body = Arrays.copyOf(octets, octets.length - CODE_OCTETS);
        byte[] code = Arrays.copyOfRange(octets, body.length, octets.length);
        if (!MessageDigest.isEqual(code, code(body))) {
            throw unknown(cursor);
        }
        ByteBuffer in = ByteBuffer.wrap(body);
        byte version = in.get();
        if (version != VERSION) {
            throw new IllegalArgumentException("cursor must be of version " + VERSION + ", but was of version "
                    + version + ": " + Arguments.quote(cursor));
        }
        Move move = in.get() == Move.FORWARD.code ? Move.FORWARD : Move.BACKWARD;
        Instant createdAt = instant(in.getLong());
        byte[] question = new byte[DIGEST_OCTETS];
        in.get(question);
        if (!Arrays.equals(question, digest(scope))) {
            throw new IllegalArgumentException(
                    "cursor must be used with the filter, the order and the project or figure that it was given out for,"
                            + " but was of others: " + Arguments.quote(cursor));
        }
        return new Place(
                move,
                new Scan.Position(createdAt, StandardCharsets.UTF_8.decode(in).toString()));
    }

    /** Microseconds since 1970; of times beyond, such as PostgreSQL's infinity, the largest or smallest number. */
    private static long micros(Instant at) {
        if (!at.isBefore(LAST)) {
            return Long.MAX_VALUE;
        }
        // MICROS.between counts nanoseconds on the way, of which a long has those of 292 years.
        return at.isAfter(FIRST)
                ? TimeUnit.SECONDS.toMicros(at.getEpochSecond()) + at.getNano() / 1_000
                : Long.MIN_VALUE;
    }

    private static Instant instant(long micros) {
        if (micros == Long.MAX_VALUE) {
            return Instant.MAX;
        }
        return micros == Long.MIN_VALUE ? Instant.MIN : Instant.EPOCH.plus(micros, ChronoUnit.MICROS);
    }

    private static byte[] octets(String cursor) {
        try {
            byte[] octets = Base64.getUrlDecoder().decode(cursor.length() > MAX_LENGTH ? "" : cursor);
            // Several texts are decoded to the same octets; one of them is ours.
            if (octets.length > HEAD_OCTETS + CODE_OCTETS
                    && Base64.getUrlEncoder()
                            .withoutPadding()
                            .encodeToString(octets)
                            .equals(cursor)) {
                return octets;
            }
        } catch (IllegalArgumentException e) {
            throw unknown(cursor);
        }
        throw unknown(cursor);
    }

    private static IllegalArgumentException unknown(String cursor) {
        return new IllegalArgumentException(
                "cursor must be one that this library has given out, whole and unaltered, but was "
                        + Arguments.quote(cursor));
    }

    private static byte[] digest(String scope) {
        try {
            byte[] whole = MessageDigest.getInstance("SHA-256").digest(scope.getBytes(StandardCharsets.UTF_8));
            return Arrays.copyOf(whole, DIGEST_OCTETS);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    private byte[] code(byte[] body) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(key);
            return Arrays.copyOf(mac.doFinal(body), CODE_OCTETS);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has HmacSHA256", e);
        }
    }
}
