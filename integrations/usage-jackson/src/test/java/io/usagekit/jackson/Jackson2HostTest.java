package io.usagekit.jackson;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.usagekit.UsageResult;
import io.usagekit.format.UsageResponseFormatter;
import org.junit.jupiter.api.Test;

/** The lines that docs/json.md quotes for Jackson 2. */
class Jackson2HostTest {

    @Test
    void printsAResult() throws JsonProcessingException {
        UsageResult result = Figures.FRESH;
        // tag::quote
        ObjectMapper mapper = new ObjectMapper().findAndRegisterModules();
        String json = mapper.writeValueAsString(result);
        // end::quote

        assertThat(json).isEqualTo(UsageResponseFormatter.plain().toJson(result));
    }
}
