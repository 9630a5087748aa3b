import CallModel

/// The order in which the servers of one SRV answer are tried (RFC 2782, "Usage rules").
enum ServiceOrder {
  /// By priority; among equals at random in proportion to the weights. Records of weight 0 stand before the others at the
  /// draw, which gives them a small chance beside heavier ones; among themselves they are shuffled to share the load.
  static func arrange(
    _ records: [DNSRecord.ServiceRecord], random: inout some RandomNumberGenerator
  ) -> [DNSRecord.ServiceRecord] {
    var result: [DNSRecord.ServiceRecord] = []
    result.reserveCapacity(records.count)
    for priority in Set(records.map(\.priority)).sorted() {
      var pool = records.filter { $0.priority == priority && $0.weight == 0 }.shuffled(using: &random)
      pool += records.filter { $0.priority == priority && $0.weight > 0 }
      while !pool.isEmpty {
        let total = pool.reduce(0) { $0 + Int($1.weight) }
        let draw = Int.random(in: 0...total, using: &random)
        var sum = 0
        var chosen = pool.count - 1
        for (index, record) in pool.enumerated() {
          sum += Int(record.weight)
          if sum >= draw {
            chosen = index
            break
          }
        }
        result.append(pool.remove(at: chosen))
      }
    }
    return result
  }
}
