/* Calls a function that is told to fail and goes on: prints the status, the message, and that it is still alive. */
#include <groma.h>
#include <stdio.h>

int main(void) {
    groma_error_t *error = NULL;
    groma_cancel_t *cancel = (groma_cancel_t *)&error; /* not a handle: must stay untouched */
    groma_status_t status = groma_cancel_create(&cancel, &error);
    printf("%d %s\n", (int)status, groma_status_name(status));
    printf("%s\n", groma_error_message(error));
    if (status == GROMA_STATUS_OK) return 0;
    printf("%s\n", (void *)cancel == (void *)&error ? "untouched" : "touched");
    groma_error_destroy(error);
    status = groma_cancel_create(&cancel, NULL);
    printf("alive %d\n", (int)status);
    return 0;
}
