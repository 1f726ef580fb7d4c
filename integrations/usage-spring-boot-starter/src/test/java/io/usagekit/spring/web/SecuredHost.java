package io.usagekit.spring.web;

import java.util.Map;
import java.util.Set;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** A host that says who may read what, in the words of its own. */
@Configuration(proxyBeanMethods = false)
class SecuredHost {

    /** Who belongs to which organisation. */
    record Memberships(Map<String, Set<String>> byUser) {
        boolean contains(String user, String organisation) {
            return byUser.getOrDefault(user, Set.of()).contains(organisation);
        }
    }

    @Bean
    Memberships memberships() {
        return new Memberships(Map.of("ada", Set.of("org-1")));
    }

    // tag::quote
    @Bean
    UsageAccess usageAccess(Memberships memberships) {
        return (caller, organisation) -> caller != null && memberships.contains(caller.getName(), organisation);
    }
    // end::quote
}
