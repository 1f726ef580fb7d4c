package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisCommandExecutionException;
import io.usagekit.UsageCacheException;
import io.usagekit.redis.internal.RedisErrors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What replies mean, in the words of the servers and proxies that send them. */
class RedisErrorsTest {

    private static RedisCommandExecutionException reply(String text) {
        return new RedisCommandExecutionException(text);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
                "LOADING Redis is loading the dataset in memory",
                "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
                "CLUSTERDOWN The cluster is down",
            })
    void takesTheStateOfAServerForNoRefusal(String text) {
        assertThat(RedisErrors.isRefusal(reply(text))).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "NOPERM this user has no permissions to run the 'client' command or its subcommand",
                "NOAUTH Authentication required.",
                "ERR Unknown subcommand or wrong number of arguments for 'TRACKING'. Try CLIENT HELP.",
                "ERR unknown command `CLIENT`, with args beginning with: `TRACKING`, `ON`, ",
            })
    void takesAMissingPermissionOrCommandForARefusal(String text) {
        assertThat(RedisErrors.isRefusal(reply(text))).isTrue();
        assertThat(RedisErrors.isRefusal(new IllegalStateException(text)))
                .as("not an answer of Redis")
                .isFalse();
    }

    /** By Redis 6.2, 7.0 and 8.0. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "-NOPERM this user has no permissions to run the 'publish' command or its subcommand",
                "@user_script: 57: Unknown Redis command called from Lua script",
                "ERR The user executing the script can't run this command or subcommand",
                "ERR The user executing the script can't publish to the channel mentioned in the command",
                "ERR ACL failure in script: User usage has no permissions to run the 'spublish' command",
            })
    void takesARefusedCommandOfAScriptForPermanent(String text) {
        assertThat(RedisErrors.isPermanent(reply(text))).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "ERR Script attempted to access a non local key in a cluster node",
                "ERR Script attempted to access keys that do not hash to the same slot",
            })
    void takesNoPublicationElsewhereForPermanent(String text) {
        assertThat(RedisErrors.isPermanent(reply(text))).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "NOPERM this user has no permissions to run the 'evalsha' command or its subcommand",
                "NOPERM User usage has no permissions to run the 'eval' command",
                "ERR unknown command `EVALSHA`, with args beginning with: ",
                "ERR unknown command 'evalsha'",
                "ERR unsupported command: EVALSHA",
                "ERR command 'EVAL' is not allowed",
            })
    void knowsThatScriptsAreRefused(String text) {
        assertThat(RedisErrors.isScriptRefused(new UsageCacheException("refused", reply(text))))
                .isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "NOPERM this user has no permissions to access one of the keys used as arguments",
                "ERR Error running script (call to f_1e37): @user_script:99: The user executing the script can't run this command or subcommand",
                "OOM command not allowed when used memory > 'maxmemory'.",
                "READONLY You can't write against a read only replica.",
                "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
                "NOSCRIPT No matching script. Please use EVAL.",
                "WRONGTYPE usage:index:{eval} must be a sorted set of periods, but is a string",
            })
    void doesntTakeAFailureOfOneScriptForARefusalOfAll(String text) {
        assertThat(RedisErrors.isScriptRefused(reply(text))).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "READONLY You can't write against a read only replica.",
                "ERR Error running script (call to f_1e37): @user_script:99: -READONLY You can't write against a read only replica.",
                "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            })
    void knowsThatAServerHasBecomeAReplica(String text) {
        assertThat(RedisErrors.isReadOnly(reply(text))).isTrue();
        assertThat(RedisErrors.isReadOnly(new IllegalStateException(text))).isFalse();
    }

    @Test
    void doesntTakeAFullServerForAReplica() {
        assertThat(RedisErrors.isReadOnly(reply("OOM command not allowed when used memory > 'maxmemory'.")))
                .isFalse();
    }

    @Test
    void takesOnlyAnAnswerOfRedisForARefusalOfScripts() {
        assertThat(RedisErrors.isScriptRefused(new IllegalStateException("ERR unknown command 'evalsha'")))
                .isFalse();
    }
}
