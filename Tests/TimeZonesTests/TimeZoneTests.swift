import Foundation
import TestSupport
import Testing

@testable import TimeZones

@Suite struct TimeZoneTests {
  /// The same offsets as an implementation that shares no code with ours.
  @Test(arguments: [
    "Europe/London", "Europe/Dublin", "Europe/Berlin", "America/New_York", "America/Sao_Paulo",
    "America/St_Johns",
    "Australia/Lord_Howe", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran", "Africa/Casablanca",
    "Pacific/Apia",
    "Pacific/Auckland", "Pacific/Chatham", "America/Nuuk", "Antarctica/Troll", "UTC", "Asia/Tokyo",
    "Etc/GMT+5",
  ])
  func offsetsAgreeWithFoundation(_ name: String) throws {
    let ours = try #require(ZoneDirectory().rules(name))
    let theirs = try #require(TimeZone(identifier: name))
    var g = SplitMix(seed: 7)
    for _ in 0..<4_000 {
      // 1975 to 2037.
      let instant = Int64.random(in: 157_766_400..<2_114_380_800, using: &g)
      let expected = theirs.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(instant)))
      #expect(ours.period(at: instant).offset == expected, "\(name) at \(instant)")
    }
  }

  @Test func civilDaysAndBack() {
    for number in stride(from: -200_000, through: 200_000, by: 37) {
      let date = CivilDate(seconds: Int64(number) * 86_400)
      #expect(CivilDate.days(date.year, date.month, date.day) == number)
      #expect(CivilDate.isDay(date.year, date.month, date.day))
    }
    #expect(CivilDate.days(1970, 1, 1) == 0 && CivilDate(seconds: 0).weekday == 3)
    #expect(!CivilDate.isDay(2027, 2, 29) && CivilDate.isDay(2028, 2, 29) && !CivilDate.isDay(2027, 13, 1))
  }

  @Test(arguments: [
    "../../etc/passwd", "/etc/localtime", "Europe/", "", "Europe/Lond", "zone1970.tab", "a b",
  ])
  func noZone(_ name: String) { #expect(ZoneDirectory().rules(name) == nil) }

  @Test(arguments: [
    "GMT0BST,M3.5.0/1,M10.5.0", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "EST5EDT,J60/2,J300/2",
    "AAA3BBB,0/0,365/24", "UTC0",
  ])
  func rulesAreRead(_ text: String) { #expect(PosixTimeZone(text) != nil) }

  @Test(arguments: [
    "", "GMT", "GMT0BST", "GMT0BST,M3.5.0", "GMT0BST,M13.5.0,M1.1.1", "GMT0BST,M3.6.0,M1.1.1", "<GMT0",
    "GMT0BST,J366,J1", "GMT0BST,366,1", "GMT168", "GMT0BST,M3.5.0/1,M10.5.0x", "GMT0:60",
  ])
  func notRules(_ text: String) { #expect(PosixTimeZone(text) == nil) }
}
