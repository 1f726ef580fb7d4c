package io.usagekit.cli.load;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/** The lines of a stream, plain or gzip (whichever its first two bytes say), as they stand, each bounded. Not thread-safe. */
public final class Lines implements AutoCloseable {

    /** The longest line kept: 16 MiB. */
    public static final int MAX_OCTETS = 16 << 20;

    private static final int BUFFER = 1 << 16;

    /**
     * One line.
     *
     * @param number from 1
     * @param content without its line feed; empty if it is too long
     * @param tooLong whether it has more than {@value #MAX_OCTETS} octets
     */
    @SuppressWarnings("ArrayRecordComponent") // handed from one to the next, never compared
    record Line(long number, byte[] content, boolean tooLong) {}

    private final Counting source;
    private final InputStream in;
    private final byte[] buffer = new byte[BUFFER];
    private int position;
    private int limit;
    private long number;

    private Lines(Counting source, InputStream in) {
        this.source = source;
        this.in = in;
    }

    /** Takes the stream over and closes it in the end. */
    public static Lines of(InputStream stream) throws IOException {
        Counting source = new Counting(stream);
        PeekingStream peeking = new PeekingStream(source);
        return new Lines(source, peeking.startsAsGzip() ? new GZIPInputStream(peeking, BUFFER) : peeking);
    }

    /**
     * The next line; empty at the end.
     *
     * @throws IOException if the stream can't be read; the message says how far it got
     */
    Optional<Line> next() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        boolean tooLong = false;
        boolean any = false;
        while (position < limit || fill()) {
            any = true;
            int end = position;
            while (end < limit && buffer[end] != '\n') {
                end++;
            }
            tooLong |= line.size() + (end - position) > MAX_OCTETS;
            if (!tooLong) {
                line.write(buffer, position, end - position);
            }
            position = Math.min(end + 1, limit);
            if (end < limit) {
                break;
            }
        }
        if (!any) {
            return Optional.empty();
        }
        number++;
        return Optional.of(new Line(number, tooLong ? new byte[0] : line.toByteArray(), tooLong));
    }

    private boolean fill() throws IOException {
        try {
            position = 0;
            limit = Math.max(0, in.read(buffer));
            return limit > 0;
        } catch (ZipException | EOFException e) {
            throw new IOException("the gzip stream is damaged after line " + number, e);
        } catch (IOException e) {
            throw new IOException("the input can't be read after line " + number, e);
        }
    }

    /** How many octets of the stream have been read, compressed as they are. */
    long octetsRead() {
        return source.count;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }

    private static final class Counting extends FilterInputStream {
        private long count;

        Counting(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            int octet = super.read();
            count += octet < 0 ? 0 : 1;
            return octet;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            int octets = super.read(into, offset, length);
            count += Math.max(0, octets);
            return octets;
        }
    }

    /**
     * Says truly whether more is to come: by that a gzip stream tells whether another one follows it, and a pipe whose writer
     * is slow would seem to have ended.
     */
    private static final class PeekingStream extends PushbackInputStream {

        private static final int GZIP_MAGIC = 0x1f8b;

        PeekingStream(InputStream in) {
            super(in, 2);
        }

        boolean startsAsGzip() throws IOException {
            int first = read();
            if (first < 0) {
                return false;
            }
            int second = read();
            if (second >= 0) {
                unread(second);
            }
            unread(first);
            return (first << 8 | second) == GZIP_MAGIC;
        }

        @Override
        public int available() throws IOException {
            int available = super.available();
            if (available > 0) {
                return available;
            }
            int next = read();
            if (next < 0) {
                return 0;
            }
            unread(next);
            return 1;
        }
    }
}
