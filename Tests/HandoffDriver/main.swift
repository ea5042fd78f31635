import Glibc
import Lamina

// A process that has sockets, hands them over and takes them, as its standard input says: a command a line, and an answer
// line for each, `NUMBER RESULT`. It can also behave as no honest process does.

var driver = Driver()
var number = 0
while let line = readLine() {
    number += 1
    let words = line.split(separator: " ").map(String.init)
    let result: String
    do {
        result = try driver.answer(words)
    } catch let error as LaminaError {
        result = "error \(error.code) \(error.errno) \(error)"
    } catch {
        result = "error \(error)"
    }
    print("\(number) \(result)")
    fflush(nil)
}
