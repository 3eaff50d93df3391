/* SPDX-License-Identifier: Apache-2.0 */
/* Says which IPv4 addresses the names on the command line have, and stays. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *a;
	char text[INET_ADDRSTRLEN];

	printf("found");
	for (int i = 1; i < argc; i++) {
		int r = getaddrinfo(argv[i], "80", &hints, &a);

		if (r) {
			printf(" %s", gai_strerror(r));
			continue;
		}
		inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)a->ai_addr)->sin_addr, text,
			  sizeof(text));
		printf(" %s", text);
	}
	puts("");
	fflush(stdout);
	pause();
	return 0;
}
