// fetch WEB DEAD: two pages from the web server, one by its name, and what a port says that nobody listens on.
package main

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
)

func page(url string) string {
	answer, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %d %x", answer.StatusCode, len(data), sha1.Sum(data))
}

func main() {
	fmt.Println(page("http://127.0.0.1:" + os.Args[1] + "/page"))
	fmt.Println(page("http://localhost:" + os.Args[1] + "/small"))
	_, err := net.Dial("tcp", "127.0.0.1:"+os.Args[2])
	fmt.Println(errors.Is(err, syscall.ECONNREFUSED))
}
