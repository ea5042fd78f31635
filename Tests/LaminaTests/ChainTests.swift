import CLamina
import Glibc
import Lamina
import Testing

@Suite("Chains and columns")
struct ChainTests {
    let fixtures: CoreFixtures

    init() throws {
        fixtures = try CoreFixtures()
    }

    private func send(_ socket: Socket, _ count: Int = 4) -> (lamina_status, UInt64) {
        var byte: [UInt8] = Array(repeating: 7, count: count)
        var request = lamina_request()
        lamina_request_prepare(&request, nil, nil)
        let status = byte.withUnsafeMutableBytes { bytes in
            var buffer = lamina_buffer(base: bytes.baseAddress, length: count)
            return lamina_socket_send(socket.handle, &buffer, 1, 0, &request)
        }
        return (status, request.bytes)
    }

    @Test("A call passes every layer that fills it, and their frames see its end")
    func passes() throws {
        let layer = try fixtures.library("layer", "SENDS")
        let socket = try fixtures.chain("\(layer)=a").open(.connection())
        #expect(send(socket).0 == 0)
        #expect(try socket.seen(.sends) == 1)
        #expect(try socket.seen(.completions) == 1)
        try socket.waiting.close()
    }

    @Test("A layer that leaves a data entry empty isn't linked there")
    func unlinked() throws {
        let layer = try fixtures.library("layer")
        let plain = try fixtures.chain().open(.connection())
        let layered = try fixtures.chain("\(layer)=a", "\(layer)=b").open(.connection())
        let base = unsafeBitCast(plain.handle.slot.pointee.send.function, to: UInt.self)
        #expect(unsafeBitCast(layered.handle.slot.pointee.send.function, to: UInt.self) == base)
        #expect(layered.handle.slot.pointee.send.slot == layered.handle.slot + 3)
        try plain.waiting.close()
        try layered.waiting.close()
    }

    @Test("A category's missing entries are not supported, whatever the base offers")
    func categories() throws {
        let socket = try fixtures.chain().open(.connection())
        #expect(throws: LaminaError.self) { try socket.waiting.listen() }
        #expect {
            try socket.waiting.send([1], to: nil)
        } throws: { error in
            (error as? LaminaError)?.code == .notSupported
        }
        try socket.waiting.close()
    }

    @Test("A failure names the level that failed")
    func failedLevel() throws {
        let layer = try fixtures.library("layer", "SENDS", "FAIL_COMPLETION")
        let socket = try fixtures.chain("\(layer)=sour").open(.connection())
        #expect {
            try socket.waiting.send([1, 2, 3])
        } throws: { error in
            let error = error as? LaminaError
            return error?.level == "sour" && error?.errno == EIO
        }
        try socket.waiting.close()
    }

    @Test("A chain deeper than the frames of a request works")
    func deep() throws {
        let layer = try fixtures.library("layer", "SENDS")
        let labels = (1...20).map { "\(layer)=level\($0)" }
        let base = LayerSpecification(name: try fixtures.library("held"), label: "held")
        let chain = try Chain(
            layers: labels.map { try LayerSpecification(parsing: $0) },
            base: base,
            catalog: Catalog(directories: [])
        )
        let socket = try chain.open(.connection())
        #expect(send(socket).0 == 0)
        #expect(try socket.seen(.completions) == 20)
        try socket.waiting.close()
    }

    @Test("An open that the base refuses leaves no socket, and every layer undoes")
    func refusedOpen() throws {
        let layer = try fixtures.library("layer")
        let chain = try fixtures.chain("\(layer)=a")
        var options = SocketOptions.connection()
        options.proto = 255
        #expect {
            _ = try chain.open(options)
        } throws: { error in
            let error = error as? LaminaError
            return error?.errno == EPROTONOSUPPORT && error?.level == "held"
        }
        let socket = try chain.open(.connection())
        #expect(send(socket).0 == 0)
        try socket.waiting.close()
    }

    @Test("An accepted socket has its listener's chain, and its levels were opened from below")
    func accepts() throws {
        let layer = try fixtures.library("layer", "SENDS")
        let listener = try fixtures.chain("\(layer)=a").open(.listen())
        try listener.waiting.listen()
        let accepted = try listener.waiting.accept()
        #expect(send(accepted).0 == 0)
        #expect(try listener.seen(.opens) == 2)
        #expect(try listener.seen(.completions) == 1)
        try accepted.waiting.close()
        #expect(try listener.seen(.closes) == 1)
        try listener.waiting.close()
    }

    @Test("A level's veto refuses an accepted socket, and the listener goes on")
    func vetoes() throws {
        let layer = try fixtures.library("layer", "VETO")
        let listener = try fixtures.chain("\(layer)=guard").open(.listen())
        try listener.waiting.listen()
        for _ in 0..<3 {
            #expect {
                _ = try listener.waiting.accept()
            } throws: { error in
                (error as? LaminaError)?.errno == EACCES
            }
        }
        try listener.waiting.close()
    }

    @Test("A condition decides at connect whether a level is linked, and opens it then")
    func conditions() throws {
        let layer = try fixtures.library("layer", "SENDS")
        let chain = try fixtures.chain("\(layer)=a:when=[port=443]")
        let matching = try chain.open(.connection())
        try matching.waiting.connect(to: Address(host: "127.0.0.1", port: 443))
        #expect(send(matching).0 == 0)
        #expect(try matching.seen(.sends) == 1)
        let other = try chain.open(.connection())
        try other.waiting.connect(to: Address(host: "127.0.0.1", port: 80))
        #expect(send(other).0 == 0)
        #expect(try matching.seen(.sends) == 1)
        #expect(try matching.seen(.opens) == 1)
        // The layer isn't there to answer: the base does.
        #expect(try other.seen(.sends) == 0)
        try other.waiting.close()
        try matching.waiting.close()
    }

    @Test("Two levels of one label are refused, one layer twice under two labels is not")
    func labels() throws {
        let layer = try fixtures.library("layer")
        #expect(throws: LaminaError.self) { _ = try fixtures.chain("\(layer)=a", "\(layer)=a") }
        #expect(try fixtures.chain("\(layer)=a", "\(layer)=b").labels == ["a", "b", "held"])
    }

    @Test("A layer with send-to alone sees send-messages one by one; a failure ends the row and what was sent counts")
    func adaptsMessages() throws {
        let layer = try fixtures.library("layer", "SENDS_TO")
        let socket = try fixtures.chain("\(layer)=a").open(.datagram())
        let lengths = [3, 4, 13, 5]
        var bytes = [UInt8](repeating: 0, count: 32)
        var request = lamina_request()
        lamina_request_prepare(&request, nil, nil)
        let status = bytes.withUnsafeMutableBytes { bytes in
            var buffers = lengths.map { lamina_buffer(base: bytes.baseAddress, length: $0) }
            return buffers.withUnsafeMutableBufferPointer { buffers in
                var messages = (0..<4).map { index in
                    var message = lamina_message()
                    message.buffers = UnsafePointer(buffers.baseAddress.map { $0 + index })
                    message.buffer_count = 1
                    return message
                }
                return messages.withUnsafeMutableBufferPointer { messages in
                    messages.baseAddress.map { lamina_socket_send_messages(socket.handle, $0, 4, 0, &request) }
                }
            }
        }
        #expect(status == -EMSGSIZE)
        #expect(request.bytes == 7)
        #expect(try socket.seen(.sends) == 3)
        try socket.waiting.close()
    }

    @Test("A layer that sends sees the final data of a disconnect")
    func adaptsDisconnect() throws {
        let layer = try fixtures.library("layer", "SENDS")
        let socket = try fixtures.chain("\(layer)=a").open(.connection())
        var bytes: [UInt8] = [1, 2, 3]
        var request = lamina_request()
        lamina_request_prepare(&request, nil, nil)
        let status = bytes.withUnsafeMutableBytes { bytes in
            var buffer = lamina_buffer(base: bytes.baseAddress, length: 3)
            return lamina_socket_disconnect(socket.handle, &buffer, 1, 0, &request)
        }
        // The base refuses a disconnect with data, so it came without.
        #expect(status == 0)
        #expect(try socket.seen(.sends) == 1)
        try socket.waiting.close()
    }
}
