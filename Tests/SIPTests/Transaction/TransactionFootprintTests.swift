import CallModel
import Glibc
import Testing

@testable import SIP

/// A call's transactions linger for 32 s, a hundred thousand of them on a busy system: each must be small.
@Suite(.serialized) struct TransactionFootprintTests {
  /// Bytes allocated and not freed, by the allocator's own report (malloc_info(3), which no module map offers). Tests beside
  /// this one move it by a few megabytes; what is measured here is tens.
  private func allocatedBytes() throws -> Int {
    typealias MallocInfo = @convention(c) (CInt, UnsafeMutablePointer<FILE>) -> CInt
    let symbol = try #require(dlsym(nil, "malloc_info"))
    let mallocInfo = unsafeBitCast(symbol, to: MallocInfo.self)
    var text: UnsafeMutablePointer<CChar>?
    var length = 0
    let stream = try #require(open_memstream(&text, &length))
    let result = mallocInfo(0, stream)
    fclose(stream)
    defer { free(text) }
    try #require(result == 0)
    let report = String(cString: try #require(text))
    // The totals of all arenas come last.
    func size(_ element: String) -> Int {
      guard let line = report.split(separator: "\n").last(where: { $0.contains(element) }),
        let value = line.split(separator: "size=\"").last?.prefix(while: \.isNumber)
      else { return 0 }
      return Int(value) ?? 0
    }
    return size("<system type=\"current\"") + size("<total type=\"mmap\"") - size("<total type=\"fast\"")
      - size("<total type=\"rest\"")
  }

  @Test func aLingeringServerTransactionIsSmall() throws {
    let count = 30_000
    var outputs: [TransactionOutput] = []
    let hop = TransactionParty().hop
    var layer = TransactionLayer(seed: 3)
    let before = try allocatedBytes()
    for index in 0..<count {
      let text = TransactionParty.incoming("INVITE", branch: "z9hG4bK-\(index)", callID: "call-\(index)")
      let message = try SIPParser.parse(Array(text.replacing("\n", with: "\r\n").utf8))
      layer.receive(message, over: hop, now: .zero, into: &outputs)
      guard case .request(let request, let id, _)? = outputs.last else { continue }
      layer.respond(SIPResponse(to: request, status: 486, toTag: "t"), to: id, now: .zero, into: &outputs)
      outputs.removeAll()
    }
    let each = (try allocatedBytes() - before) / count
    #expect(layer.serverTransactionCount == count)
    #expect(each > 200 && each < 1_000, "\(each) bytes each")
    layer.advance(to: .zero + .seconds(33), into: &outputs)
    #expect(layer.serverTransactionCount == 0)
  }

  @Test func aLingeringClientTransactionIsSmall() throws {
    let count = 30_000
    var outputs: [TransactionOutput] = []
    let hop = TransactionParty().hop
    var layer = TransactionLayer(seed: 3)
    let body = [UInt8](repeating: 0x61, count: 2_000)
    let before = try allocatedBytes()
    for index in 0..<count {
      let request = TransactionParty.request(.invite, callID: "call-\(index)", body: body)
      _ = layer.send(request, to: hop, sentBy: TransactionParty.address, now: .zero, into: &outputs)
      guard case .send(let bytes, _)? = outputs.last, case .request(let sent)? = try? SIPParser.parse(bytes)
      else { continue }
      layer.receive(
        .response(SIPResponse(to: sent, status: 486, toTag: "t")), over: hop, now: .zero, into: &outputs)
      outputs.removeAll()
    }
    let each = (try allocatedBytes() - before) / count
    #expect(layer.clientTransactionCount == count)
    #expect(each > 200 && each < 1_000, "\(each) bytes each")
  }
}
