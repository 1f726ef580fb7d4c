package io.usagekit.examples.spring;

import io.usagekit.page.UsagePage;
import io.usagekit.page.UsagePageRequest;
import io.usagekit.page.UsagePageResponse;
import io.usagekit.spring.web.UsageAccess;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.security.Principal;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.stereotype.Controller;
import org.springframework.web.bind.annotation.GetMapping;

/** Serves the usage page to those who may read the organisation's figures. */
@Controller
final class UsagePageController {

    private final UsagePage page;
    private final UsageAccess access;

    UsagePageController(UsagePage page, UsageAccess access) {
        this.page = page;
        this.access = access;
    }

    @GetMapping("/usage/**")
    void usage(@Nullable Principal caller, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        UsagePageResponse answer = answer(caller, request);
        try (UsagePageResponse.Body body = answer.body()) {
            response.setStatus(answer.status());
            answer.headers().forEach(response::setHeader);
            response.setContentLengthLong(body.length());
            body.writeTo(response.getOutputStream());
        }
    }

    private UsagePageResponse answer(@Nullable Principal caller, HttpServletRequest request) {
        Optional<UsagePageRequest> asked;
        try {
            asked = UsagePageRequest.parse(page.basePath(), request.getRequestURI(), request.getQueryString());
        } catch (IllegalArgumentException e) {
            return page.refuse(400, "The address can't be read: " + e.getMessage());
        }
        if (asked.isEmpty()) {
            return page.refuse(404, "There is no such page");
        }
        Optional<String> organisation = asked.get().organisationId();
        return organisation.isPresent() && !access.mayRead(caller, organisation.get())
                ? page.refuse(403, "You may not see the usage of this organisation")
                : page.respond(asked.get());
    }
}
