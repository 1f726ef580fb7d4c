package io.usagekit.jackson;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageResult;
import io.usagekit.format.UsageResponseFormatter;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/** The lines that docs/json.md quotes for Jackson 3. */
class Jackson3HostTest {

    @Test
    void printsAResult() {
        UsageResult result = Figures.FRESH;
        // tag::quote
        JsonMapper mapper = JsonMapper.builder().findAndAddModules().build();
        String json = mapper.writeValueAsString(result);
        // end::quote

        assertThat(json).isEqualTo(UsageResponseFormatter.plain().toJson(result));
    }
}
