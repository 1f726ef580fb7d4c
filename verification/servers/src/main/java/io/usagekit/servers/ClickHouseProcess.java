package io.usagekit.servers;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;

/**
 * The main class of a JVM that is one ClickHouse server: it runs the program {@code clickhouse local}, which the library of chDB contains,
 * until its standard input ends.
 */
final class ClickHouseProcess {

    private ClickHouseProcess() {}

    /** The library's file, then the arguments of the program. */
    public static void main(String[] arguments) {
        String[] argv = arguments.clone();
        argv[0] = "clickhouse";
        Pointer[] texts = new Pointer[argv.length];
        for (int i = 0; i < argv.length; i++) {
            texts[i] = text(argv[i]);
        }
        Memory array = new Memory((long) Native.POINTER_SIZE * argv.length);
        array.write(0, texts, 0, texts.length);
        NativeLibrary.getInstance(arguments[0])
                .getFunction("query_stable_v2")
                .invokePointer(new Object[] {argv.length, array});
        // What the library still runs doesn't end by itself.
        Runtime.getRuntime().halt(0);
    }

    private static Pointer text(String value) {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        Memory text = new Memory(bytes.length + 1L);
        text.write(0, bytes, 0, bytes.length);
        text.setByte(bytes.length, (byte) 0);
        return text;
    }
}
